"""Numbers with intervals: of all cases in one table, of each class or region in another."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.digits import ABSENT, decimals, limits_of, number, share, stacked
from medgantry.evaluation.report.titles import Title, of_what, titles
from medgantry.page import items, table

_OVERALL = ("macro", "all", "mean")
"""Names that stand for all classes or regions together."""

Scores = Mapping[str, Mapping[str, Mapping[str, Any]]]


def score_sections(evaluation: Evaluation) -> list[str]:
    """All cases, then every class or region, then what was measured how."""
    known = titles(evaluation.metrics)
    scores = _by_metric(evaluation, known)
    return [
        "<h2>Metrics</h2>",
        "<p class=note>Intervals are of 95 %; groups (patients or lesions) are what is independent.</p>",
        "<h3>All cases</h3>",
        _overall(scores, known),
        *_by_part(evaluation, scores, known),
        *_policies(evaluation.metrics),
        *_baselines(evaluation.metrics),
        "<h3>How to read them</h3>",
        _explained(scores, known),
    ]


def _by_metric(evaluation: Evaluation, known: Mapping[str, Title]) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {metric: {} for metric in known}
    for metric, name, value in evaluation.scores():
        if metric in known:
            found[metric][name] = value
    return {metric: values for metric, values in found.items() if values}


def _overall(scores: Scores, known: Mapping[str, Title]) -> str:
    rows = []
    for metric, values in scores.items():
        places = decimals(values.values(), known[metric].least_decimals)
        for name in _OVERALL:
            if name in values:
                value, over = values[name], of_what(name)
                rows.append(
                    [
                        known[metric].short + (f", {over}" if over else ""),
                        number(value["estimate"], places),
                        limits_of(value, places),
                        known[metric].best,
                        str(value["n"]),
                        str(value["groups"]),
                    ]
                )
    return table(["", "estimate", "95 % interval", "best", "cases", "groups"], rows, right=range(1, 6))


def _by_part(evaluation: Evaluation, scores: Scores, known: Mapping[str, Title]) -> list[str]:
    """The second table; a registration has no parts."""
    part = {"classification": "class", "segmentation": "region"}.get(evaluation.task)
    return [f"<h3>By {part}</h3>", _parts(evaluation, scores, known, part)] if part else []


def _parts(evaluation: Evaluation, scores: Scores, known: Mapping[str, Title], part: str) -> str:
    """One row per class or region, one column per metric."""
    names = list(dict.fromkeys(name for values in scores.values() for name in values if name not in _OVERALL))
    shown = {metric: values for metric, values in scores.items() if set(values) & set(names)}
    extra = _counts(evaluation)
    order = list(evaluation.metrics["confusion"]["classes"]) if part == "class" else names
    rows = []
    for name in order:
        cells = [
            stacked(values.get(name), decimals(values.values(), known[metric].least_decimals))
            for metric, values in shown.items()
        ]
        rows.append([escape(name), *[escape(of.get(name, ABSENT)) for of in extra.values()], *cells])
    head = [part, *extra, *[known[metric].short for metric in shown]]
    return table(head, rows, raw=True, right=range(1, len(head)), kind="tight")


def _counts(evaluation: Evaluation) -> dict[str, dict[str, str]]:
    """Columns of counts: title -> class or region -> text."""
    metrics = evaluation.metrics
    if evaluation.task == "classification":
        sums = dict(
            zip(metrics["confusion"]["classes"], map(sum, metrics["confusion"]["matrix"]), strict=True)
        )
        groups = {name: str(value["groups"]) for name, value in metrics["recall"].items()}
        return {
            "cases": {name: f"{count} ({share(count / metrics['cases'])})" for name, count in sums.items()},
            "groups": groups,
        }
    return {
        "cases": {name: str(value["n"]) for name, value in metrics["dice"].items()},
        "groups": {name: str(value["groups"]) for name, value in metrics["dice"].items()},
        "empty references": {name: str(count) for name, count in metrics["empty_references"].items()},
        "HD95 undefined": {name: str(count) for name, count in metrics["hd95_undefined"].items()},
    }


def _policies(metrics: Mapping[str, Any]) -> list[str]:
    if "empty_policy" not in metrics:
        return []
    return [f"<p class=note>Empty labels. {escape(metrics['empty_policy'])}.</p>"]


def _baselines(metrics: Mapping[str, Any]) -> list[str]:
    if "untrained" not in metrics:
        return []
    rows = []
    for name, value in metrics["untrained"].items():
        trained = metrics["dice"].get(name)
        best = metrics["threshold"].get(name)
        rows.append(
            [
                of_what(name),
                number(trained["estimate"], 2) if trained else ABSENT,
                number(value, 2),
                number(best["dice"], 2) if best else ABSENT,
                f"{best['channel']} above {best['threshold_sd']:g} SD" if best else "",
            ]
        )
    return [
        "<h3>Dice of baselines</h3>",
        table(
            ["region", "this model", "untrained network", "best threshold", "which"], rows, right=(1, 2, 3)
        ),
        (
            "<p class=note>The threshold is the best one on these very cases: more than one threshold could reach on new "
            "ones. SD: standard deviations of the channel's non-zero voxels, from their mean.</p>"
        ),
    ]


def _explained(scores: Scores, known: Mapping[str, Title]) -> str:
    """What each metric means, and how its intervals were made."""
    lines = []
    for metric, values in scores.items():
        methods = dict.fromkeys(
            re.sub(r" \(\d+ undefined\)", "", str(value["method"])) for value in values.values()
        )
        title = known[metric]
        lines.append(f"{title.short}: {title.meaning}. Interval: {'; '.join(methods)}.")
    return items(lines)
