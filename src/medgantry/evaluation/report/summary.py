"""The report in a few sentences, before any table."""

from collections.abc import Sequence
from html import escape
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.independence import unseen
from medgantry.evaluation.report.beside import primary_title
from medgantry.evaluation.report.digits import decimals, limits_of, number, share
from medgantry.evaluation.report.titles import titles
from medgantry.ledger import Entry


def summary_section(
    evaluation: Evaluation, cohort: Cohort, bundle: Bundle, entries: Sequence[Entry]
) -> list[str]:
    """What was judged, how well it did, where it was worst, and beside whom."""
    found = [_judged(evaluation, cohort, bundle, entries), _primary(evaluation)]
    if evaluation.task == "classification":
        found += _right(evaluation)
    elif evaluation.task == "segmentation":
        found += _worst_region(evaluation)
    found.append(_beside(evaluation))
    lines = "".join(f"<li>{sentence}</li>" for sentence in found if sentence)
    return [f'<h2>Summary</h2><ul class="lead">{lines}</ul>']


def _judged(evaluation: Evaluation, cohort: Cohort, bundle: Bundle, entries: Sequence[Entry]) -> str:
    groups = len({row["group_id"] for row in evaluation.rows})
    where = "an external cohort" if evaluation.metrics["external"] else f"the {evaluation.split} side"
    named = set(evaluation.case_ids)
    judged = [case for case in cohort.cases if case.case_id in named]
    seen = len(judged) - len(unseen(judged, bundle))
    known = "The model was neither trained nor validated on any of these groups."
    if "groups" not in bundle.provenance:
        known = "The model does not say what it was trained on, so whether they are new to it is not known."
    elif seen:
        known = f"<b>The model was trained or validated on {seen} of these cases: all numbers flatter it.</b>"
    rejected = sum(entry.verdict == "rejected" for entry in entries)
    lost = f" {rejected} more could not be judged." if rejected else ""
    return (
        f"Judged on <b>{evaluation.metrics['cases']} cases</b> of {groups} groups (patients or lesions) of "
        f"{escape(where)}.{lost} {known}"
    )


def _primary(evaluation: Evaluation) -> str:
    metric, name = evaluation.primary
    title, value = escape(primary_title(evaluation)), evaluation.metrics.get(metric, {}).get(name)
    if value is None:
        return f"{title}: these cases do not define it."
    known, places = titles(evaluation.metrics)[metric], decimals([value])
    return (
        f"{title}: <b>{number(value['estimate'], places)}</b>, 95 % interval {limits_of(value, places)} "
        f"({escape(known.meaning)})."
    )


def _right(evaluation: Evaluation) -> list[str]:
    metrics = evaluation.metrics
    confusion, accuracy = metrics["confusion"], metrics["accuracy"]["all"]
    right = sum(row[index] for index, row in enumerate(confusion["matrix"]))
    found = [
        (
            f"The most probable class was right in {right} of {accuracy['n']} cases: "
            f"<b>{share(accuracy['estimate'])}</b> ({_shares(accuracy)})."
        )
    ]
    recalls = metrics["recall"]
    if len(recalls) > 1:
        name = min(recalls, key=lambda label: (recalls[label]["estimate"], -recalls[label]["n"]))
        value = recalls[name]
        hits = round(value["estimate"] * value["n"])
        found.append(
            f"Class least often recognised: {escape(name)}, {hits} of {value['n']} cases ({_shares(value)})."
        )
    return found


def _shares(value: Any) -> str:
    return escape(f"{share(value['low'])} to {share(value['high'])}")


def _worst_region(evaluation: Evaluation) -> list[str]:
    regions = {name: value for name, value in evaluation.metrics["dice"].items() if name != "mean"}
    if len(regions) < 2:
        return []
    name = min(regions, key=lambda region: regions[region]["estimate"])
    value = regions[name]
    places = decimals([value])
    return [
        (
            f"Region it does worst on: {escape(name)}, Dice {number(value['estimate'], places)} "
            f"({limits_of(value, places)})."
        )
    ]


def _beside(evaluation: Evaluation) -> str:
    found = evaluation.metrics["comparison"]
    if found is None:
        return "It was not compared with another model."
    champion = f"the champion, version {found['version']}"
    if found["incomparable"]:
        return f"It could not be compared with {champion}: {escape(found['incomparable'])}."
    value = found["difference"]
    places = decimals([value])
    numbers = (
        f"{number(value['estimate'], places, signed=True)} ({limits_of(value, places, signed=True)}) on "
        f"{found['cases']} cases new to both"
    )
    if value["low"] > 0:
        return f"It does <b>better</b> than {champion}: {numbers}."
    if value["high"] < 0:
        return f"It does <b>worse</b> than {champion}: {numbers}."
    return f"It was <b>not shown to differ</b> from {champion}: {numbers}."
