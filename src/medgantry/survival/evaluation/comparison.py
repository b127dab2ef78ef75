"""Candidates beside each other, and beside the champion, on the same subjects."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from medgantry.evaluation.measures import Rows
from medgantry.evaluation.subgroups import LEAST_GROUPS, subgroup_table
from medgantry.statistics.interval import Interval
from medgantry.survival.evaluation.horizons import LEAST
from medgantry.survival.evaluation.intervals import Intervals
from medgantry.survival.evaluation.measures import Measures, Statistics
from medgantry.survival.predictions import POOLED, Predictions

Groups = Mapping[tuple[str, str], set[str]]
"""(what, value) -> subjects."""


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The version that has the alias, with what it predicted in its own cross-validation."""

    version: int
    model_hash: str
    predictions: Predictions


def paired_differences(found: Statistics, intervals: Intervals, units: int) -> dict[str, Any]:
    """`<a>_minus_<b>` -> interval, for each two candidates; `pooled` comes first where it is one of them."""
    names = sorted(found, key=lambda name: name != POOLED)
    return {
        f"{first}_minus_{second}": intervals.plain(found[first] - found[second], units).document()
        for first, second in combinations(names, 2)
    }


def gain_of_pooling(found: Statistics, intervals: Intervals, units: int) -> Interval | None:
    """Pooled minus the best single modality; None where either is missing."""
    singles = [name for name in found if name != POOLED]
    if POOLED not in found or not singles:
        return None
    return intervals.least([found[POOLED] - found[name] for name in singles], units)


def primary_candidate(predictions: Predictions) -> str:
    """The candidate that decides: `pooled`, or the first."""
    return POOLED if POOLED in predictions.candidates else predictions.candidates[0]


def primary_interval(measures: Measures) -> Interval | None:
    """Uno's C of the candidate that decides; None where subjects do not define it."""
    if measures.events < LEAST:
        return None
    found = measures.uno().get(primary_candidate(measures.predictions))
    return measures.intervals.share(found, measures.events) if found else None


def compare(ours: Measures, champion: Champion, rows: Rows, groups: Groups) -> dict[str, Any]:
    """The paired difference in Uno's C, overall and in each subgroup, as the promotion gate reads it.

    Returns:
        `version`, `model_hash`, `incomparable` (why, or empty), `cases` (known to both), `left_out`, `difference`,
        `champion` (its own interval on these subjects), `subgroups`.
    """
    said = {"version": champion.version, "model_hash": champion.model_hash}
    shared = sorted(set(ours.predictions.subjects) & set(champion.predictions.subjects))
    reason = _why_incomparable(ours.predictions, champion, shared)
    if reason:
        return said | {"incomparable": reason}

    def difference(inside: Rows) -> Interval | None:
        members = {str(row["case_id"]) for row in inside} & set(shared)
        return _difference(ours, champion, members)

    overall = difference(rows)
    theirs = Measures(predictions=champion.predictions.only(shared), tau=ours.tau)
    own = primary_interval(theirs)
    return said | {
        "incomparable": "" if overall else "the subjects known to both do not define the difference",
        "cases": len(shared),
        "left_out": len(ours.predictions.subjects) - len(shared),
        "champion": own.document() if own else None,
        "difference": overall.document() if overall else None,
        "subgroups": subgroup_table(groups, rows, difference),
    }


def _difference(ours: Measures, champion: Champion, members: set[str]) -> Interval | None:
    if not members:
        return None
    first, second = (
        Measures(predictions=predictions.only(members), tau=ours.tau)
        for predictions in (ours.predictions, champion.predictions)
    )
    mine, theirs = (each.uno().get(primary_candidate(each.predictions)) for each in (first, second))
    if mine is None or theirs is None or first.events < LEAST:
        return None
    # Repeats are paired as they come; those that one of the two has more of are left out.
    repeats = min(len(mine.values), len(theirs.values))
    gain = mine.of(lambda values: values[:repeats]) - theirs.of(lambda values: values[:repeats])
    return first.intervals.plain(gain, first.events)


def _why_incomparable(ours: Predictions, champion: Champion, shared: list[str]) -> str:
    if len(shared) < LEAST_GROUPS:
        return f"{len(shared)} subjects are known to both, at least {LEAST_GROUPS} are needed"
    ours, theirs = ours.only(shared), champion.predictions.only(shared)
    other = (ours.time != theirs.time) | (ours.event != theirs.event)
    if other.any():
        return f"version {champion.version} was judged by other outcomes of {int(other.sum())} of {len(shared)} subjects"
    return ""
