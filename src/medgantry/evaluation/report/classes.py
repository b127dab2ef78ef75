"""What only a classifier has: confusion, ROC curves, calibration."""

from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from itertools import cycle
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.digits import ABSENT, MINUS, limits_of, number, share
from medgantry.page import svg, table

_STYLES = ("-", "--", "-.", ":")
"""Of lines, so that curves differ without colour."""
_DARKEST = 0.4
"""Opacity of a cell that holds its whole row: numbers on it stay readable, on paper too."""
_LONGEST_NAME = 24
_MOST_CLASSES, _MOST_MISTAKES = 16, 30
_LEGEND = 12
"""Classes that a legend holds beside the curves."""
_RC = {"svg.hashsalt": "medgantry", "font.size": 8, "text.parse_math": False}
"""The same curves give the same bytes, and a name with dollar signs is no formula."""


def class_sections(evaluation: Evaluation) -> list[str]:
    """Confusion matrix, then ROC curves and reliability side by side."""
    metrics = evaluation.metrics
    return [
        "<h2>Confusion</h2>",
        *_confusion(metrics["confusion"]),
        "<h2>ROC curves and calibration</h2>",
        svg(_draw(metrics), "ROC curve of each class, and how often a stated probability was right"),
        _calibration(metrics),
    ]


def _confusion(found: Mapping[str, Any]) -> list[str]:
    names: Sequence[str] = found["classes"]
    if len(names) > _MOST_CLASSES:
        return _mistakes(names, found["matrix"])
    rows = []
    for name, counts in zip(names, found["matrix"], strict=True):
        total = sum(counts)
        cells = [_cell(count, total, other == name) for other, count in zip(names, counts, strict=True)]
        rows.append([escape(name), *cells, f"<div>{total}</div>"])
    right = range(1, len(names) + 2)
    return [
        "<p>Rows: what it is. Columns: the most probable class. Shares are of the row.</p>",
        table(["", *names, "all"], rows, raw=True, right=right, kind="tight matrix"),
    ]


def _mistakes(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[str]:
    """The most frequent confusions, where a matrix would be wider than a page."""
    found = [
        (count, names[true], names[answered], count / sum(counts))
        for true, counts in enumerate(matrix)
        for answered, count in enumerate(counts)
        if count and true != answered
    ]
    rows = [
        [true, answered, str(count), share(part)]
        for count, true, answered, part in sorted(found, key=lambda item: -item[0])[:_MOST_MISTAKES]
    ]
    return [
        (
            f"<p>The most frequent of {len(found)} confusions; shares are of the class it is. The whole matrix is in "
            "metrics.json.</p>"
        ),
        table(["it is", "most probable class", "cases", "share"], rows, right=(2, 3)),
    ]


def _cell(count: int, total: int, is_right: bool) -> str:
    if not total:
        return f"<div>{ABSENT}</div>"
    shade = f"background:rgba(59,126,161,{_DARKEST * count / total:.2f})"
    said = escape(share(count / total)) if count else ""
    shown = f"<b>{count}</b>" if is_right else str(count)
    return f'<div style="{shade}">{shown}<small>{said or "&nbsp;"}</small></div>'


def _calibration(metrics: Mapping[str, Any]) -> str:
    found = metrics["calibration"]
    change = found.get("nll_change")
    fitted = f"fitted on {found['fitted_on']} validation cases" if found["fitted_on"] else "not fitted"
    rows = [
        ["temperature", number(found["temperature"], 3), fitted],
        ["calibration error without it", number(found["ece_before"], 3), ""],
        ["calibration error with it", number(found["ece_after"], 3), ""],
    ]
    if change:
        interval = f"95 % interval {limits_of(change, 3, signed=True)}; below 0 it helps"
        rows.append(
            ["change of the log loss by it, nat", number(change["estimate"], 3, signed=True), interval]
        )
    return table([], rows, right=(1,)) + (
        "<p class=note>A temperature divides all logits: it changes probabilities, not their order in a case. The "
        "calibration error (ECE) is the mean distance between the probability of the most probable class and how often "
        "that class was right, over bins of equally many cases; few cases make it too large. Bars of the right plot: "
        "95 % of each bin, as if cases were independent.</p>"
    )


def _draw(metrics: Mapping[str, Any]) -> str:
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(8.4, 4.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        _roc(left, metrics["roc"], metrics["auc"])
        _reliability(right, metrics["reliability"])
        stream = BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue().decode()
    return text[text.index("<svg") :]


def _roc(axes: Axes, curves: Mapping[str, Any], areas: Mapping[str, Any]) -> None:
    axes.set(xlabel=f"1 {MINUS} specificity", ylabel="sensitivity", title="ROC curves (AUC)")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    lines = [
        axes.plot(curve["fpr"], curve["tpr"], style, linewidth=1.3)[0]
        for (curve, style) in zip(curves.values(), cycle(_STYLES), strict=False)
    ]
    names = [f"{_short(name)} {areas[name]['estimate']:.2f}" for name in curves]
    if lines:
        more = len(lines) - _LEGEND
        legend = axes.legend(lines[:_LEGEND], names[:_LEGEND], loc="lower right", handlelength=2.8)
        if more > 0:
            legend.set_title(f"and {more} more")
    else:
        axes.text(0.5, 0.5, "one class only: no curve", ha="center")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _reliability(axes: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    confidence = [item["confidence"] for item in bins]
    accuracy = [item["accuracy"] for item in bins]
    below = [item["accuracy"] - item["low"] for item in bins]
    above = [item["high"] - item["accuracy"] for item in bins]
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.errorbar(
        confidence,
        accuracy,
        yerr=[below, above],
        marker="o",
        markersize=4,
        capsize=2,
        linewidth=0.9,
        color="#1b2733",
    )
    axes.set(xlabel="probability given", ylabel="share that was right", title="Reliability")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
