"""What only a classifier has: confusion, ROC curves, calibration."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medgantry.evaluation.evaluation import Evaluation
from medgantry.page import svg, table


def class_sections(evaluation: Evaluation) -> list[str]:
    """Confusion matrix, ROC curves, reliability."""
    metrics = evaluation.metrics
    return [
        "<h2>Confusion</h2><p>Rows: what it is. Columns: the most probable class.</p>",
        _confusion(metrics["confusion"]),
        "<h2>ROC curves</h2>",
        svg(_draw(lambda axes: _roc(axes, metrics["roc"])), "ROC curves"),
        "<h2>Calibration</h2>",
        _calibration(metrics),
        svg(_draw(lambda axes: _reliability(axes, metrics["reliability"])), "reliability curve"),
    ]


def _confusion(found: Mapping[str, Any]) -> str:
    names: Sequence[str] = found["classes"]
    rows = [
        [name, *[str(count) for count in counts], str(sum(counts))]
        for name, counts in zip(names, found["matrix"], strict=True)
    ]
    return table(["", *names, "all"], rows)


def _calibration(metrics: Mapping[str, Any]) -> str:
    found = metrics["calibration"]
    change = found.get("nll_change")
    rows = [
        ["temperature", f"{found['temperature']:.3f}, fitted on {found['fitted_on']} validation cases"],
        ["calibration error before", f"{found['ece_before']:.3f}"],
        ["calibration error", f"{found['ece_after']:.3f}"],
    ]
    if change:
        interval = f"{change['low']:+.4f} to {change['high']:+.4f}"
        rows.append(["change of the log loss by it", f"{change['estimate']:+.4f} nat ({interval})"])
    return table([], rows) + (
        "<p class=note>Expected calibration error of the most probable class, over bins of equally many cases.</p>"
    )


def _draw(draw: Any) -> str:
    # The same curves give the same bytes: no date, no random ids.
    with matplotlib.rc_context({"svg.hashsalt": "medgantry", "font.size": 8}):
        figure = Figure(figsize=(4.6, 4.0), layout="constrained")
        draw(figure.subplots())
        stream = BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue().decode()
    return text[text.index("<svg") :]


def _roc(axes: Axes, curves: Mapping[str, Any]) -> None:
    for name, curve in curves.items():
        axes.plot(curve["fpr"], curve["tpr"], label=name, linewidth=1.2)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.legend(loc="lower right")


def _reliability(axes: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    confidence = [item["confidence"] for item in bins]
    accuracy = [item["accuracy"] for item in bins]
    below = [item["accuracy"] - item["low"] for item in bins]
    above = [item["high"] - item["accuracy"] for item in bins]
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.errorbar(confidence, accuracy, yerr=[below, above], marker="o", capsize=2, linewidth=1)
    axes.set(xlabel="probability given", ylabel="share that was right", xlim=(0, 1.02), ylim=(-0.02, 1.02))
