"""Curves as drawings that are sharp on paper and differ without colour."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import cycle
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medgantry.survival.evaluation.report.names import candidate_name

_RC = {"svg.hashsalt": "medgantry", "font.size": 8, "text.parse_math": False}
"""The same curves give the same bytes, and a name with dollar signs is no formula."""
_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_MARKS = ("o", "s", "^", "D", "v")
_YEAR = 365.25


def draw(plots: Sequence[Callable[[Axes], None]], *, height: float = 3.4) -> str:
    """Plots side by side as SVG."""
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(8.4, height), layout="constrained")
        axes = figure.subplots(1, len(plots), squeeze=False)[0]
        for plot, each in zip(plots, axes, strict=True):
            plot(each)
        stream = BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue().decode()
    return text[text.index("<svg") :]


def risk_group_plot(axes: Axes, found: Mapping[str, Any]) -> None:
    """Kaplan-Meier estimates with their limits, and who is at risk below."""
    for (name, curve), style in zip(found["curves"].items(), cycle(_STYLES), strict=False):
        years = [0.0, *(day / _YEAR for day in curve["days"])]
        (line,) = axes.step(
            years, [1.0, *curve["survival"]], where="post", linestyle=style, linewidth=1.3, label=name
        )
        axes.fill_between(
            years,
            [1.0, *curve["low"]],
            [1.0, *curve["high"]],
            step="post",
            color=line.get_color(),
            alpha=0.12,
            linewidth=0,
        )
    axes.set(xlabel="years", ylabel="without event", ylim=(0, 1.02), xlim=(0, None))
    axes.set_xticks([day / _YEAR for day in found["ticks"]])
    axes.legend(title="risk", loc="upper right")


def calibration_plot(axes: Axes, title: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Predicted and seen of each quartile, with limits."""
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    for (name, groups), mark in zip(found.items(), cycle(_MARKS), strict=False):
        seen = [group["estimate"] for group in groups]
        axes.errorbar(
            [group["predicted"] for group in groups],
            seen,
            yerr=[
                [value - group["low"] for value, group in zip(seen, groups, strict=True)],
                [group["high"] - value for value, group in zip(seen, groups, strict=True)],
            ],
            marker=mark,
            markersize=4,
            capsize=2,
            linewidth=0.9,
            label=candidate_name(name),
        )
    axes.set(xlabel="predicted chance of the event", ylabel="share that had it", title=title)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend()


def curve_plot(axes: Axes, title: str, curves: Mapping[str, Any], reference: float | None = None) -> None:
    """A value over time for each candidate."""
    if reference is not None:
        axes.axhline(reference, color="0.7", linewidth=0.8)
    for (name, curve), style in zip(curves.items(), cycle(_STYLES), strict=False):
        years = [day / _YEAR for day in curve["days"]]
        axes.plot(years, curve["values"], linestyle=style, linewidth=1.3, label=candidate_name(name))
    axes.set(xlabel="years", title=title)
    axes.legend()
