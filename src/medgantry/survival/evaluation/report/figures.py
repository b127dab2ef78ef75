"""The sections that are drawn: risk groups, calibration, curves over time, and what the model looks at."""

from collections.abc import Mapping
from functools import partial
from html import escape
from typing import Any

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.bars import Scale
from medgantry.evaluation.report.digits import ABSENT, decimals, limits_of, number
from medgantry.page import svg, table
from medgantry.survival.evaluation.measures import BASELINE
from medgantry.survival.evaluation.report.drawing import (
    calibration_plot,
    curve_plot,
    draw,
    risk_group_plot,
)
from medgantry.survival.evaluation.report.names import horizon_name
from medgantry.survival.model import Lines, SurvivalModel

_MOST = 20
_FITS = ("apparent", "cross_validated", "optimism")


def risk_group_section(evaluation: Evaluation) -> list[str]:
    """Kaplan-Meier by tercile of out-of-fold risk, with numbers at risk."""
    found = evaluation.metrics["risk_groups"]
    years = [f"{day / 365.25:.0f}" for day in found["ticks"]]
    rows = [
        [name, str(curve["subjects"]), str(curve["events"]), *map(str, curve["at_risk"])]
        for name, curve in found["curves"].items()
    ]
    test = found["log_rank"]
    said = (
        f" P-value of the log-rank test: {_p(test['p'])} ({test['dof']} degrees of freedom)." if test else ""
    )
    return [
        "<h2>Risk groups</h2>",
        (
            f"<p>Terciles of out-of-fold risk of {escape(evaluation.primary[1])}: a subject's place among the risks of its "
            f"fold, averaged over repeats; no outcome had a part in the thresholds.{said}</p>"
        ),
        svg(draw([partial(risk_group_plot, found=found)]), "Survival of each risk group"),
        "<h3>Numbers at risk, by years</h3>",
        table(["risk", "subjects", "events", *years], rows, right=range(1, len(years) + 3), kind="tight"),
        (
            "<p class=note>Shaded: 95 % of each day by itself. The p-value describes: out-of-fold risks depend on each "
            "other, so that the test rejects too often where there is nothing (Simon et al., Briefings in Bioinformatics "
            "12, 2011). What is claimed rests on the intervals above.</p>"
        ),
    ]


def calibration_section(evaluation: Evaluation) -> list[str]:
    """Predicted and seen at each horizon: the candidate that decides."""
    name = evaluation.primary[1]
    found = evaluation.metrics["calibration"]
    plots = [
        partial(calibration_plot, title=horizon_name(float(day)), found={name: groups[name]})
        for day, groups in found.items()
    ]
    return [
        "<h2>Calibration</h2>",
        svg(draw(plots), f"Share with the event against the predicted chance, {name}"),
        (
            "<p class=note>Quartiles of predicted risk in each repeat, averaged over repeats; what was seen is 1 minus "
            "Kaplan-Meier. On the line, as many had the event as were predicted to. Observed / expected of every candidate "
            "is among the metrics.</p>"
        ),
    ]


def curve_section(evaluation: Evaluation) -> list[str]:
    """AUC and Brier score over time."""
    curves: Mapping[str, Any] = evaluation.metrics["curves"]
    brier = dict(sorted(curves["brier"].items(), key=lambda item: item[0] == BASELINE))
    plots = [
        partial(curve_plot, title="AUC of the event by then", curves=curves["auc"], reference=0.5),
        partial(curve_plot, title="Brier score", curves=brier),
    ]
    return [
        "<h2>Over time</h2>",
        svg(draw(plots), "AUC and Brier score of each candidate over time"),
        "<p class=note>Estimates without intervals, averaged over repeats. Brier: lower is better.</p>",
    ]


def model_sections(model: SurvivalModel) -> list[str]:
    """What was learnt: candidates, importance, coefficients and the check of proportional hazards."""
    first = model.predictions.candidates[0]
    parts = ["<h2>What was learnt</h2>", _candidates(model)]
    if model.importance:
        parts += [
            f"<h3>Importance in {escape(first)}</h3>",
            "<p class=note>By how much concordance falls where a feature is dealt out anew among subjects not seen.</p>",
            _features(model.importance, "importance"),
        ]
    if model.coefficients:
        parts += [
            f"<h3>Coefficients of {escape(first)}</h3>",
            _features(model.coefficients, "log hazard ratio per SD"),
            "<p class=note>Penalised, and of the model fitted on everybody.</p>",
        ]
    if model.proportional_hazards:
        lines = sorted(model.proportional_hazards, key=lambda line: float(line["p"]))
        rows = [[escape(str(line["feature"])), _p(float(line["p"]))] for line in lines[:_MOST]]
        parts += [
            f"<h3>Proportional hazards in {escape(first)}</h3>",
            table(["feature", "p"], rows, raw=True, right=(1,)),
            "<p class=note>Small p: the effect changes with time. Smallest first, not corrected for their number.</p>",
        ]
    return parts


def _candidates(model: SurvivalModel) -> str:
    """Of each candidate: features kept, and how much the subjects that it was fitted on flatter it."""
    known = model.provenance
    rows = [
        [
            name,
            str(known.get("features_kept", {}).get(name, ABSENT)),
            *(_plain(found.get(each)) for each in _FITS),
        ]
        for name, found in (
            (name, known.get("concordance", {}).get(name, {})) for name in model.predictions.candidates
        )
    ]
    title = f"<p>Estimator: {escape(str(known.get('estimator', ABSENT)))}.</p>"
    return title + table(
        ["candidate", "features kept", "Harrell's C, fitted on", "not seen", "optimism"],
        rows,
        right=range(1, 5),
    )


def _plain(value: float | None) -> str:
    return ABSENT if value is None else number(value, 2)


def _features(lines: Lines, title: str) -> str:
    shown = sorted(lines, key=lambda line: -abs(line["value"]))[:_MOST]
    known = [_with_limits(line) for line in shown]
    scale, places = Scale(known, 0.0), decimals(known)
    rows = [
        [
            escape(str(line["feature"])),
            escape(str(line.get("modality", ""))),
            number(value["estimate"], places),
            limits_of(value, places) if value["low"] < value["high"] else "",
            scale.draw(value),
        ]
        for line, value in zip(shown, known, strict=True)
    ]
    left = f"<p class=note>{len(lines) - len(shown)} more are smaller.</p>" if len(lines) > len(shown) else ""
    head = ["feature", "modality", title, "interval", scale.title]
    return table(head, rows, raw=True, right=(2, 3)) + left


def _with_limits(line: Mapping[str, Any]) -> dict[str, float]:
    value = float(line["value"])
    low, high = (value if line.get(end) is None else float(line[end]) for end in ("low", "high"))
    return {"estimate": value, "low": low, "high": high}


def _p(value: float) -> str:
    return "&lt;0.001" if value < 0.001 else f"{value:.3f}"
