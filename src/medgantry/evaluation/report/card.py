"""What the model is, what it can't do, and what it is made of."""

from collections.abc import Mapping
from html import escape
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.titles import of_what, titles
from medgantry.evaluation.subgroups import LEAST_GROUPS, MOST_VALUES, NO_SUBGROUP
from medgantry.fingerprint import code_fingerprint
from medgantry.page import items, table

_FEW_GROUPS = 20
"""Below this, intervals are known to be too narrow or too wide; docs/statistics.md has the measurements."""


def describe(bundle: Bundle) -> list[str]:
    """The card of the model, from its metadata and its training."""
    metadata, known = bundle.metadata, bundle.provenance
    rows = [
        ["Task", metadata.get("task", bundle.task)],
        ["Description", metadata.get("description", "")],
        ["Intended use", metadata.get("intended_use", "not stated")],
        ["Input", ", ".join(bundle.input_channels)],
        ["Output", ", ".join(bundle.outputs)],
        ["Network", _network(bundle)],
        ["Ensemble", _ensemble(bundle)],
        [
            "Trained on",
            f"{len(known['groups'])} groups (training and validation)" if "groups" in known else "",
        ],
        ["Best epoch", known.get("best_epoch", "")],
        ["Data", metadata.get("data_source", "")],
        ["Authors", metadata.get("authors", "")],
        ["Copyright", metadata.get("copyright", "")],
        ["Bundle version", metadata["version"]],
    ]
    return ["<h2>The model</h2>", table([], [[name, str(value)] for name, value in rows if value != ""])]


def limits(evaluation: Evaluation, cohort: Cohort, bundle: Bundle) -> list[str]:
    """What the authors say, and what these numbers can't say."""
    metrics = evaluation.metrics
    found = [str(text) for text in bundle.metadata.get("limits", [])]
    groups = min((value["groups"] for _, _, value in evaluation.scores()), default=0)
    if not metrics["external"]:
        found.append(
            "The test cases come from the same collection as the training cases; elsewhere it may do worse."
        )
    if groups < _FEW_GROUPS:
        found.append(f"Some numbers rest on {groups} independent groups: take their intervals as rough.")
    silent = [line for line in metrics["subgroups"] if line["estimate"] is None]
    if silent:
        found.append(
            f"{len(silent)} of {len(metrics['subgroups'])} subgroups have too few groups (below {LEAST_GROUPS}) or "
            "classes for a number."
        )
    known = {name for case in cohort.cases for name in case.targets} - {bundle.target, *NO_SUBGROUP}
    left = sorted(known - {line["by"] for line in metrics["subgroups"]})
    if left:
        found.append(
            f"No subgroups were made of {', '.join(left)}: one value alone, or more than {MOST_VALUES}."
        )
    elif not metrics["subgroups"]:
        found.append("The cohort says nothing about its cases that subgroups could be made of.")
    found += _undefined(metrics)
    found.append("The model was not tested by clinicians in use.")
    return ["<h2>Limits</h2>", items(found)]


def _undefined(metrics: Mapping[str, Any]) -> list[str]:
    """What these cases do not define: the metrics of one reason in one sentence, and the classes alike."""
    known = titles(metrics)
    missing: dict[tuple[str, str], list[str]] = {}
    for text in metrics.get("undefined", ()):
        metric, rest = str(text).split(" of ", 1)
        name, reason = rest.rsplit(": ", 1)
        shown = known[metric].short if metric in known else metric.upper()
        missing.setdefault((of_what(name), reason), []).append(shown)
    alike: dict[tuple[str, str], list[str]] = {}
    for (name, reason), metrics_of in missing.items():
        alike.setdefault((", ".join(metrics_of), reason), []).append(name)
    return [f"{', '.join(names)}: {reason} Not defined: {which}." for (which, reason), names in alike.items()]


def provenance(evaluation: Evaluation, cohort: Cohort, bundle: Bundle) -> list[str]:
    """Hashes of everything that decided these numbers."""
    known: Mapping[str, Any] = bundle.provenance
    rows = [
        ["evaluation", evaluation.key],
        ["weights", evaluation.weights_hash],
        ["configs", bundle.config_hash],
        ["cohort", evaluation.cohort_hash],
        ["split", evaluation.split_hash or "none: an external cohort"],
        ["training", known.get("training", "")],
        ["shards", known.get("shards_hash", "")],
        ["training's code", known.get("code", "")],
        ["evaluation's code", code_fingerprint()],
        ["source", cohort.provenance.get("source", "")],
        ["data's licence", cohort.licence],
    ]
    cells = [[escape(name), f"<code>{escape(str(value))}</code>"] for name, value in rows if value]
    return ["<h2>Provenance</h2>", table(["what", "SHA-256 or name"], cells, raw=True)]


def _network(bundle: Bundle) -> str:
    definition = bundle.inference_config.get("network_def", {})
    return str(definition.get("_target_", "")) if isinstance(definition, dict) else ""


def _ensemble(bundle: Bundle) -> str:
    found = bundle.ensemble
    if found is None:
        return ""
    shares = ", ".join(f"{share:.3f}" for share in found.shares)
    weighed = f" ({shares})" if found.rule == "weighted" else ""
    return f"{len(found.members)} members, {found.rule}{weighed}; test-time augmentation: {found.test_time_augmentation}"
