"""The primary metric beside the champion's, and in subgroups."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.bars import Scale
from medgantry.evaluation.report.digits import ABSENT, MINUS, decimals, limits_of, number
from medgantry.evaluation.report.titles import of_what, titles
from medgantry.evaluation.subgroups import LEAST_GROUPS
from medgantry.page import grouped_table

_OVER = {
    "classification": "The mean is over the classes that a subgroup has: where these differ, so does the task. ",
    "registration": "",
    "segmentation": "",
}
_HEAD = ["cases", "groups", "estimate", "95 % interval"]


def primary_title(evaluation: Evaluation) -> str:
    """The metric that decides, in words."""
    metric, name = evaluation.primary
    known = titles(evaluation.metrics)
    return f"{known[metric].short if metric in known else metric}, {of_what(name)}"


def comparison_section(evaluation: Evaluation) -> list[str]:
    """The paired difference to the champion."""
    found = evaluation.metrics["comparison"]
    if found is None:
        return []
    title = f"<h2>Beside the champion, version {found['version']}</h2>"
    if found["incomparable"]:
        return [title, f"<p>Not comparable: {escape(found['incomparable'])}.</p>"]
    left_out = (
        f" {found['left_out']} more cases were left out: the champion was trained on them, or could not answer."
        if found["left_out"]
        else ""
    )
    lines = [found["difference"], *found["subgroups"]]
    scale = Scale(lines, 0.0)
    groups = {
        "": [_line(f"candidate {MINUS} champion", found["difference"], decimals(lines), scale, signed=True)]
    }
    groups |= _by_attribute(found["subgroups"], decimals(lines), scale, signed=True)
    champion = found["champion"]
    own = (
        f" The champion alone reaches {number(champion['estimate'], decimals([champion]))} on them "
        f"({limits_of(champion, decimals([champion]))})."
        if champion
        else ""
    )
    return [
        title,
        (
            f"<p>Difference in {escape(primary_title(evaluation))}: above 0 the candidate is better. Both were asked about "
            f"the {found['cases']} cases that are new to both.{left_out}{own}</p>"
        ),
        grouped_table(["", *_HEAD, scale.title], groups, raw=True, right=range(1, 5)),
        f"<p class=note>Interval: {escape(found['difference']['method'])}. The dashed line is no difference.</p>",
    ]


def subgroup_section(evaluation: Evaluation) -> list[str]:
    """The primary metric in every subgroup."""
    lines = evaluation.metrics["subgroups"]
    if not lines:
        return []
    metric, name = evaluation.primary
    overall = evaluation.metrics[metric].get(name)
    shown = [*lines, overall] if overall else lines
    places = decimals(shown)
    scale = Scale(shown, overall["estimate"] if overall else 1.0)
    groups = {"": [_line("all", overall, places, scale)]} if overall else {}
    return [
        "<h2>Subgroups</h2>",
        (
            f"<p>{escape(primary_title(evaluation))}. Subgroups of fewer than {LEAST_GROUPS} groups, or that do not define "
            f"it, have no number. {_OVER[evaluation.task]}Differences between subgroups were not tested.</p>"
        ),
        grouped_table(
            ["", *_HEAD, scale.title],
            groups | _by_attribute(lines, places, scale),
            raw=True,
            right=range(1, 5),
        ),
        "<p class=note>The dashed line is the estimate of all cases.</p>" if overall else "",
    ]


def _by_attribute(
    lines: Sequence[Mapping[str, Any]], places: int, scale: Scale, *, signed: bool = False
) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in lines:
        found.setdefault(line["by"], []).append(_line(line["value"], line, places, scale, signed=signed))
    return found


def _line(
    name: str, value: Mapping[str, Any], places: int, scale: Scale, *, signed: bool = False
) -> list[str]:
    counts = [escape(name), str(value["n"]), str(value["groups"])]
    if value["estimate"] is None:
        return [*counts, ABSENT, "", ""]
    estimate = number(value["estimate"], places, signed=signed)
    return [*counts, estimate, limits_of(value, places, signed=signed), scale.draw(value)]
