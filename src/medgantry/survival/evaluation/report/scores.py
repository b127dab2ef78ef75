"""Numbers with intervals: every candidate in every metric, and each two beside each other."""

from collections.abc import Mapping
from html import escape
from typing import Any

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.bars import Scale
from medgantry.evaluation.report.digits import ABSENT, MINUS, decimals, limits_of, number, stacked
from medgantry.evaluation.subgroups import LEAST_GROUPS
from medgantry.page import grouped_table, items, table
from medgantry.survival.evaluation.horizons import LEAST
from medgantry.survival.evaluation.measures import BASELINE
from medgantry.survival.evaluation.report.names import (
    candidate_name,
    horizon_name,
    meanings,
    metric_best,
    metric_name,
)

_COMPARED = ("uno_c", "scaled_brier")
_HEAD = ["estimate", "95 % interval"]


def score_sections(evaluation: Evaluation) -> list[str]:
    """Metrics of all candidates, then paired differences."""
    metrics = evaluation.metrics
    shown = ["uno_c", "harrell_c", "integrated_brier", "scaled_brier"]
    shown += [name for name in metrics if "_day_" in name]
    found = {metric: metrics[metric] for metric in shown if metrics[metric]}
    candidates = [*metrics["scaled_brier"], BASELINE]
    rows = [
        [
            escape(metric_name(metric)),
            *(stacked(values.get(name), decimals(values.values())) for name in candidates),
            metric_best(metric),
        ]
        for metric, values in found.items()
    ]
    method = next(iter(metrics["uno_c"].values()))["method"] if metrics["uno_c"] else ""
    return [
        "<h2>Metrics</h2>",
        (
            f"<p class=note>Intervals of 95 % ({escape(method)}). C and Brier scores up to "
            f"{horizon_name(metrics['tau_days'])}: as long as {LEAST} subjects are under observation and survival is "
            "predicted.</p>"
        ),
        table(
            ["", *map(candidate_name, candidates), "best"],
            rows,
            raw=True,
            right=range(1, len(candidates) + 2),
            kind="tight",
        ),
        items(meanings()),
        *_pairwise(metrics),
    ]


def _pairwise(metrics: Mapping[str, Any]) -> list[str]:
    groups: dict[str, list[list[str]]] = {}
    for metric in _COMPARED:
        found = dict(metrics[f"{metric}_difference"])
        gain = metrics["pooled_minus_best_single"].get(metric)
        if gain:
            found = {"pooled_minus_best single one": gain, **found}
        lines = list(found.values())
        scale = Scale(lines, 0.0)
        groups[f"{metric_name(metric)} (bars: {scale.title})"] = [
            _line(name.replace("_minus_", f" {MINUS} "), value, lines, scale) for name, value in found.items()
        ]
    if not any(groups.values()):
        return []
    return [
        "<h2>Candidates beside each other</h2>",
        (
            "<p>Paired differences on the same subjects; above 0 the first is better. The interval of pooled "
            f"{MINUS} best single one holds whichever is best: it allows for the choice. The other intervals are each of "
            "95 % and not corrected for their number.</p>"
        ),
        grouped_table(["", *_HEAD, ""], groups, raw=True, right=(1, 2)),
        "<p class=note>The dashed line is no difference.</p>",
    ]


def _line(name: str, value: Mapping[str, Any], lines: list[Any], scale: Scale) -> list[str]:
    places = decimals(lines)
    limits = limits_of(value, places, signed=True)
    return [escape(name), number(value["estimate"], places, signed=True), limits, scale.draw(value)]


def champion_section(evaluation: Evaluation) -> list[str]:
    """The paired difference to the champion."""
    found = evaluation.metrics["comparison"]
    if found is None:
        return []
    title = f"<h2>Beside the champion, version {found['version']}</h2>"
    if found["incomparable"]:
        return [title, f"<p>Not comparable: {escape(found['incomparable'])}.</p>"]
    lines = [found["difference"], *found["subgroups"]]
    return [
        title,
        (
            f"<p>Difference in Uno's C on the {found['cases']} subjects that both predicted out of fold; above 0 the "
            f"candidate is better. {found['left_out']} more were not known to the champion.</p>"
        ),
        _subgroup_table(lines, 0.0, first=f"candidate {MINUS} champion", signed=True),
    ]


def subgroup_section(evaluation: Evaluation) -> list[str]:
    """Uno's C in every subgroup."""
    lines = evaluation.metrics["subgroups"]
    metric, name = evaluation.primary
    overall = evaluation.metrics[metric].get(name)
    if not lines or overall is None:
        return []
    return [
        "<h2>Subgroups</h2>",
        (
            f"<p>Uno's C, {escape(name)}. Subgroups of fewer than {LEAST_GROUPS} subjects, or of fewer than {LEAST} "
            "events, have no number. Differences between subgroups were not tested.</p>"
        ),
        _subgroup_table([overall, *lines], overall["estimate"], first="all", signed=False),
    ]


def _subgroup_table(lines: list[Mapping[str, Any]], mark: float, *, first: str, signed: bool) -> str:
    scale, places = Scale(lines, mark), decimals(lines)
    groups: dict[str, list[list[str]]] = {}
    for line in lines:
        known = line["estimate"] is not None
        groups.setdefault(line.get("by", ""), []).append(
            [
                escape(str(line.get("value", first))),
                str(line["n"]),
                number(line["estimate"], places, signed=signed) if known else ABSENT,
                limits_of(line, places, signed=signed) if known else "",
                scale.draw(line),
            ]
        )
    return grouped_table(["", "subjects", *_HEAD, scale.title], groups, raw=True, right=(1, 2, 3))
