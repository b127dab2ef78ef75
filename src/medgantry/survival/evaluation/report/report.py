"""The whole page, from what it says to where it is from."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.digits import MINUS, decimals, limits_of, number
from medgantry.features.table import FeatureTable
from medgantry.fingerprint import canonical_json, code_fingerprint
from medgantry.page import items, page, table
from medgantry.survival.evaluation.report.data import data_sections, events_per_feature
from medgantry.survival.evaluation.report.figures import (
    calibration_section,
    curve_section,
    model_sections,
    risk_group_section,
)
from medgantry.survival.evaluation.report.names import metric_name
from medgantry.survival.evaluation.report.scores import champion_section, score_sections, subgroup_section
from medgantry.survival.model import SurvivalModel

_FEW_EVENTS, _FEW_PER_FEATURE = 100, 10.0
"""Below these, a model of survival is a first look; the second is Peduzzi et al., J. Clin. Epidemiol. 48 (1995)."""


def write_report(path: Path, evaluation: Evaluation, features: FeatureTable, model: SurvivalModel) -> None:
    """Write the report.

    Args:
        path: The HTML file.
        evaluation: What was measured.
        features: What was learnt from.
        model: What was learnt, with its predictions and its ledger.
    """
    body = [
        "<p class=note>Model card and evaluation. For research. Not a medical device.</p>",
        *_summary(evaluation),
        *data_sections(evaluation, features, model),
        *score_sections(evaluation),
        *champion_section(evaluation),
        *risk_group_section(evaluation),
        *calibration_section(evaluation),
        *curve_section(evaluation),
        *model_sections(model),
        *subgroup_section(evaluation),
        *_limits(evaluation, features, model),
        *_provenance(evaluation, model),
    ]
    path.write_text(page("Time to event", body), encoding="utf-8")


def _summary(evaluation: Evaluation) -> list[str]:
    metrics, (metric, name) = evaluation.metrics, evaluation.primary
    outcomes, found = metrics["outcomes"], metrics[metric].get(name)
    lines = [
        (
            f"Judged on <b>{outcomes['subjects']} subjects</b>, {outcomes['events']} with the event, each predicted by "
            f"models that had not seen it: {metrics['folds']} folds, {metrics['repeats']} repeats."
        )
    ]
    if found:
        lines.append(
            f"{metric_name(metric)}, {escape(name)}: <b>{number(found['estimate'], 2)}</b>, 95 % interval "
            f"{limits_of(found, decimals([found]))} (0.5 is guessing, 1 is perfect)."
        )
    lines += [_gain(metric_name(of), gain) for of, gain in metrics["pooled_minus_best_single"].items()]
    lines.append(_beside(evaluation))
    return [f'<h2>Summary</h2><ul class="lead">{"".join(f"<li>{line}</li>" for line in lines)}</ul>']


def _gain(title: str, gain: Mapping[str, float]) -> str:
    places = decimals([gain])
    numbers = f"{number(gain['estimate'], places, signed=True)} ({limits_of(gain, places, signed=True)})"
    if gain["low"] > 0:
        verdict = "All modalities together are <b>better</b> than the best of them alone"
    elif gain["high"] < 0:
        verdict = "All modalities together are <b>worse</b> than the best of them alone"
    else:
        verdict = "All modalities together were <b>not shown to differ</b> from the best of them alone"
    return f"{verdict}: {escape(title)} {numbers}."


def _beside(evaluation: Evaluation) -> str:
    found = evaluation.metrics["comparison"]
    if found is None:
        return "It was not compared with a champion."
    if found["incomparable"]:
        return f"It could not be compared with version {found['version']}: {escape(found['incomparable'])}."
    value = found["difference"]
    places = decimals([value])
    return (
        f"Candidate {MINUS} champion (version {found['version']}), {metric_name(evaluation.primary[0])}: "
        f"{number(value['estimate'], places, signed=True)} ({limits_of(value, places, signed=True)})."
    )


def _limits(evaluation: Evaluation, features: FeatureTable, model: SurvivalModel) -> list[str]:
    events, per_feature = evaluation.metrics["outcomes"]["events"], events_per_feature(evaluation, features)
    found = [
        "Everything was measured within one collection; elsewhere it may do worse. No external cohort was judged.",
        (
            "Cross-validation judges the way of making models. The model that is kept was fitted on everybody, and no "
            "subject is left to judge it by."
        ),
        "Lists of genes or features that were chosen on these same subjects before the folds flatter the result.",
    ]
    if events < _FEW_EVENTS:
        found.append(f"There are {events} events: intervals are wide, and coefficients unsteady.")
    if per_feature < _FEW_PER_FEATURE:
        found.append(
            f"There are {number(per_feature, 2)} events per feature offered: only penalties and selection inside the "
            "folds keep the models from fitting chance."
        )
    found += [f"{text}." for text in model.provenance.get("warnings", ())]
    found.append("The model was not tested by clinicians in use.")
    return ["<h2>Limits</h2>", items(found)]


def _provenance(evaluation: Evaluation, model: SurvivalModel) -> list[str]:
    rows = [
        ["evaluation", evaluation.key],
        ["model", evaluation.weights_hash],
        ["predictions", model.predictions.content_hash],
        ["feature table", evaluation.cohort_hash],
        ["folds", evaluation.split_hash],
        ["evaluation's code", code_fingerprint()],
        ["training's code", str(model.provenance.get("code", ""))],
        ["training's seed", str(model.provenance.get("seed", ""))],
        ["training's settings", canonical_json(model.provenance.get("settings", {}))],
    ]
    cells = [[escape(name), f"<code>{escape(value)}</code>"] for name, value in rows if value]
    return ["<h2>Provenance</h2>", table(["what", "SHA-256 or name"], cells, raw=True)]
