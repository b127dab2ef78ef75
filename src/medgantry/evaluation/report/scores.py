"""Numbers with intervals: overall, beside the champion, and in subgroups."""

from collections.abc import Mapping
from html import escape
from typing import Any

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.subgroups import LEAST_GROUPS
from medgantry.page import table

_TITLES = {
    "accuracy": "Accuracy",
    "auc": "Area under the ROC curve, class against the others",
    "balanced_accuracy": "Balanced accuracy (mean sensitivity over classes)",
    "brier": "Brier score (0 is best)",
    "dice": "Dice",
    "frozen_sensitivity": "Sensitivity at the operating point fixed on the validation cases",
    "frozen_specificity": "Specificity at the operating point fixed on the validation cases",
    "hd95_mm": "95 % Hausdorff distance, mm (0 is best)",
    "nll": "Log loss, nat (0 is best)",
    "nsd": "Normalised surface distance",
    "pr_auc": "Area under the precision-recall curve (average precision)",
    "recall": "Sensitivity of the most probable class",
    "sensitivity": "Sensitivity at fixed specificity, read from this ROC curve",
}


def headline(evaluation: Evaluation) -> str:
    """The primary metric in one sentence."""
    metric, name = evaluation.primary
    value = evaluation.metrics.get(metric, {}).get(name)
    if value is None:
        return f"<p class=lead>{escape(name)} {escape(metric)}: not defined by these cases.</p>"
    return (
        f"<p class=lead>{escape(name)} {escape(_title(metric).split(',')[0])}: <b>{value['estimate']:.3f}</b> "
        f"({value['low']:.3f} to {value['high']:.3f}; {value['n']} cases of {value['groups']} groups)</p>"
    )


def score_sections(evaluation: Evaluation) -> list[str]:
    """A table per metric; intervals of 95 %, groups being what is independent."""
    parts = ["<h2>Metrics</h2>"]
    by_metric: dict[str, list[list[str]]] = {}
    methods: dict[str, str] = {}
    for metric, name, value in evaluation.scores():
        if metric not in _TITLES:
            continue
        by_metric.setdefault(metric, []).append(_cells(name, value))
        methods[metric] = str(value["method"])
    for metric, rows in by_metric.items():
        parts.append(f"<h3>{escape(_title(metric))}</h3>")
        parts.append(table(["", "estimate", "95 % interval", "cases", "groups"], rows))
        parts.append(f"<p class=note>Interval: {escape(methods[metric])}.</p>")
    return [*parts, *_policies(evaluation.metrics), *_baselines(evaluation.metrics)]


def _policies(metrics: Mapping[str, Any]) -> list[str]:
    if "empty_policy" not in metrics:
        return [f"<p class=note>Fixed specificity: {metrics.get('specificity', 0):.0%}.</p>"]
    empty = ", ".join(f"{name} {count}" for name, count in metrics["empty_references"].items())
    undefined = ", ".join(f"{name} {count}" for name, count in metrics["hd95_undefined"].items())
    text = (
        f"Empty labels. {metrics['empty_policy']}. Empty references: {empty}. HD95 undefined: {undefined}. "
        f"Tolerance of the surface distance: {metrics['tolerance_mm']} mm."
    )
    return [f"<p class=note>{escape(text)}</p>"]


def _baselines(metrics: Mapping[str, Any]) -> list[str]:
    if "untrained" not in metrics:
        return []
    rows = []
    for name, value in metrics["untrained"].items():
        best = metrics["threshold"].get(name, {}).get("dice")
        rows.append([name, f"{value:.3f}", "" if best is None else f"{best:.3f}"])
    return ["<h3>Dice of baselines</h3>", table(["", "untrained network", "best single threshold"], rows)]


def comparison_section(evaluation: Evaluation) -> list[str]:
    """The paired difference to the champion."""
    found = evaluation.metrics["comparison"]
    if found is None:
        return []
    title = f"<h2>Beside the champion, version {found['version']}</h2>"
    if found["incomparable"]:
        return [title, f"<p>Not comparable: {escape(found['incomparable'])}.</p>"]
    left_out = (
        f" {found['left_out']} more cases were left out, as the champion was trained on them."
        if found["left_out"]
        else ""
    )
    rows = [_cells("difference", found["difference"])]
    if found["champion"]:
        rows.append(_cells("champion", found["champion"]))
    for line in found["subgroups"]:
        if line["estimate"] is not None:
            rows.append(_cells(f"difference, {line['by']}: {line['value']}", line))
    metric, name = evaluation.primary
    return [
        title,
        f"<p>{escape(name)} {escape(_title(metric))}, candidate minus champion, new to both: {found['cases']} cases."
        + f"{left_out}</p>",
        table(["", "estimate", "95 % interval", "cases", "groups"], rows),
    ]


def subgroup_section(evaluation: Evaluation) -> list[str]:
    """The primary metric in every subgroup."""
    lines = evaluation.metrics["subgroups"]
    if not lines:
        return []
    metric, name = evaluation.primary
    rows = [
        [line["by"], line["value"], str(line["n"]), str(line["groups"]), *_number(line)] for line in lines
    ]
    return [
        "<h2>Subgroups</h2>",
        f"<p>{escape(name)} {escape(_title(metric))}. Subgroups of fewer than {LEAST_GROUPS} groups have no number; "
        + "differences between subgroups were not tested.</p>",
        table(["by", "value", "cases", "groups", "estimate", "95 % interval"], rows),
    ]


def _cells(name: str, value: Mapping[str, Any]) -> list[str]:
    return [name, *_number(value), str(value["n"]), str(value["groups"])]


def _number(value: Mapping[str, Any]) -> list[str]:
    if value["estimate"] is None:
        return ["", ""]
    return [f"{value['estimate']:.3f}", f"{value['low']:.3f} to {value['high']:.3f}"]


def _title(metric: str) -> str:
    return _TITLES.get(metric, metric)
