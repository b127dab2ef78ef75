"""Columns that tell the outcome too well to have been known before it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medgantry.features.clinical.ordering import share_in_order, with_and_without
from medgantry.features.clinical.proportions import Estimate
from medgantry.features.column import NUMBER, Column
from medgantry.statistics.arrays import Floats
from medgantry.statistics.survival.concordance import comparable

THRESHOLD = 0.8
"""A column is flagged where the lower limit of C or AUC is above: nothing known beforehand tells survival so well."""
RARE = 5
"""Subjects below which categories are taken together: each subject's own category would tell everything."""
MOST_SUBJECTS = 1000
"""More are drawn from with a fixed seed: pairs grow with the square."""


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """How well one column tells the outcome, at its best."""

    column: Column
    by: str
    """What was looked at: `value` or `missing`, with C or AUC; empty where there are too few subjects."""
    best: Estimate | None

    @property
    def flagged(self) -> bool:
        """Whether it tells too much."""
        return self.best is not None and self.best.low > THRESHOLD


def suspicions(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> list[Suspicion]:
    """Each column alone against the outcome, by its values and by where they are missing.

    Args:
        columns: Those a model may see.
        rows: One per subject: a value per column, `time` and `event`.
    """
    if len(rows) > MOST_SUBJECTS:
        chosen = np.random.default_rng(0).choice(len(rows), MOST_SUBJECTS, replace=False)
        rows = [rows[index] for index in sorted(chosen)]
    return [_suspicion(column, rows) for column in columns]


def _suspicion(column: Column, rows: Sequence[dict[str, Any]]) -> Suspicion:
    known = [row for row in rows if row[column.name] is not None]
    absent = np.array([float(row[column.name] is None) for row in rows])
    found = {**_measured("value", _scores(column, known), known), **_measured("missing", absent, rows)}
    told = {by: best for by, best in found.items() if best is not None}
    by = max(told, key=lambda name: told[name].low, default="")
    return Suspicion(column=column, by=by, best=told.get(by))


def _measured(what: str, scores: Floats, rows: Sequence[dict[str, Any]]) -> dict[str, Estimate | None]:
    times = np.array([row["time"] for row in rows])
    events = np.array([row["event"] for row in rows], dtype=np.bool_)
    return {
        f"{what}, C": share_in_order(scores, comparable(times, events)),
        f"{what}, AUC": share_in_order(scores, with_and_without(events)),
    }


def _scores(column: Column, rows: Sequence[dict[str, Any]]) -> Floats:
    """Numbers as they are; a category by the share of events in it, rare ones together."""
    values = [row[column.name] for row in rows]
    if column.kind == NUMBER:
        return np.array(values, dtype=np.float64)
    sizes = Counter(values)
    groups = [value if sizes[value] >= RARE else None for value in values]
    members = Counter(groups)
    events = Counter(group for group, row in zip(groups, rows, strict=True) if row["event"])
    return np.array([events[group] / members[group] for group in groups], dtype=np.float64)
