"""Whom the table holds: groups of subjects against all others, before any model.

The metrics are those of Amazon SageMaker Clarify before training, each with an interval: class imbalance, and the
difference in positive proportions; besides them, the difference in missing values.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from medgantry.features.clinical.proportions import Estimate, difference, imbalance
from medgantry.features.column import Column
from medgantry.features.table import SUBJECT

UNKNOWN = "not known"
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Subjects that share a value, and all others."""

    facet: str
    """The column, as the CSV calls it."""
    name: str
    inside: Rows
    others: Rows


@dataclass(frozen=True, kw_only=True)
class GroupBias:
    """One group against all other subjects."""

    group: Group
    imbalance: Estimate
    positives: Estimate
    """Share of the others with an observed event minus that of the group."""
    incomplete: Estimate
    """Share of the others with a missing feature minus that of the group."""


@dataclass(frozen=True, kw_only=True)
class MissingMore:
    """A feature that is missing more, or less, often in one group."""

    group: Group
    column: Column
    missing: Estimate
    """Share of the others without a value minus that of the group."""


def groups_of(column: Column, cuts: Sequence[float], rows: Rows) -> list[Group]:
    """The groups of a column, the unknown last; none where all subjects are in one.

    Args:
        column: The column.
        cuts: Where a number is cut; empty takes each value as a group.
        rows: One per subject.
    """
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[_group(row[column.name], cuts)].append(row)
    if len(found) < 2:
        return []
    order = [name for name in (*column.categories, *_bands(cuts), *sorted(found)) if name in found]
    names = sorted(dict.fromkeys(order), key=lambda name: name == UNKNOWN)
    return [
        Group(
            facet=column.source,
            name=name,
            inside=found[name],
            others=[row for other in names if other != name for row in found[other]],
        )
        for name in names
    ]


def _group(value: Any, cuts: Sequence[float]) -> str:
    if value is None:
        return UNKNOWN
    if not cuts:
        return f"{value:g}" if isinstance(value, float) else str(value)
    return _bands(cuts)[bisect_right(cuts, value)]


def _bands(cuts: Sequence[float]) -> list[str]:
    if not cuts:
        return []
    between = [f"{low:g} to below {high:g}" for low, high in pairwise(cuts)]
    return [f"below {cuts[0]:g}", *between, f"{cuts[-1]:g} and above"]


def events_in(rows: Rows) -> int:
    """Subjects with an observed event."""
    return sum(bool(row["event"]) for row in rows)


def group_bias(group: Group, blanks: Mapping[str, set[str]]) -> GroupBias:
    """The metrics of one group.

    Args:
        group: The group; it and the others have a subject at least.
        blanks: Subject -> features without a value.
    """

    def incomplete(rows: Rows) -> int:
        return sum(bool(blanks[row[SUBJECT]]) for row in rows)

    inside, others = group.inside, group.others
    return GroupBias(
        group=group,
        imbalance=imbalance(len(inside), len(others)),
        positives=difference(events_in(others), len(others), events_in(inside), len(inside)),
        incomplete=difference(incomplete(others), len(others), incomplete(inside), len(inside)),
    )


def missing_more(
    group: Group, columns: Sequence[Column], blanks: Mapping[str, set[str]]
) -> list[MissingMore]:
    """Features for which the interval of the difference in missing values does not hold 0."""
    found = []
    for column in columns:
        there, here = (
            sum(column.name in blanks[row[SUBJECT]] for row in side) for side in (group.others, group.inside)
        )
        missing = difference(there, len(group.others), here, len(group.inside))
        if missing.low > 0 or missing.high < 0:
            found.append(MissingMore(group=group, column=column, missing=missing))
    return found
