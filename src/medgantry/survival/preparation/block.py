"""A modality's values as numbers, before anything is learnt from them.

A category becomes a column of 0 and 1 for each of its declared values, never for those that happen to occur. A value
that is missing, or that was not declared, has a column of its own; its other columns are 0. A number keeps NaN where
it is missing, and has such a column beside it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medgantry.features.column import CATEGORY, Column
from medgantry.statistics.arrays import Flags, Floats

MISSING = "missing"


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """One modality of n subjects."""

    modality: str
    names: Sequence[str]
    """(p,) `age`, `age=missing`, `stage=T2`, `stage=missing`."""
    sources: Sequence[str]
    """(p,) the table's column that each is made of."""
    values: Floats
    """(n, p) NaN where a number is missing."""
    present: Flags
    """(n,) whether anything of the modality is known; the rows of the others are never used."""


def encode(modality: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> Block:
    """A modality's columns (one or more) of subjects' rows."""
    names = [expanded(column) for column in columns]
    values = [_encode(column, [row.get(column.name) for row in rows]) for column in columns]
    return Block(
        modality=modality,
        names=[name for part in names for name in part],
        sources=[column.name for column, part in zip(columns, names, strict=True) for _ in part],
        values=np.column_stack([numbers for part in values for numbers in part]),
        present=np.array([any(row.get(c.name) is not None for c in columns) for row in rows], dtype=bool),
    )


def expanded(column: Column) -> list[str]:
    """Names of the columns of numbers that a column becomes."""
    own = (
        [f"{column.name}={known}" for known in column.categories]
        if column.kind == CATEGORY
        else [column.name]
    )
    return [*own, f"{column.name}={MISSING}"]


def _encode(column: Column, values: Sequence[Any]) -> list[Floats]:
    if column.kind == CATEGORY:
        found = [
            np.array([value == known for value in values], dtype=np.float64) for known in column.categories
        ]
        return [*found, np.array([value not in column.categories for value in values], dtype=np.float64)]
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return [numbers, np.isnan(numbers).astype(np.float64)]
