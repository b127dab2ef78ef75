"""What is learnt of a modality's columns before a model is fitted, on the training side only.

In this order, none of which looks at outcomes:

1. a missing number becomes the median of those that have it (that it was missing stays known, in its own column);
2. a column goes in which fewer than `LEAST_DIFFERENT` subjects differ from the median: too few to tell a hazard;
3. of more than `MOST` columns those with the largest variance stay: thousands of genes share a unit;
4. columns get mean 0 and standard deviation 1, and are cut off at `LIMIT`: no outlier decides alone;
5. of two columns that correlate more than `REDUNDANT`, the later one goes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Flags, Floats
from medgantry.survival.preparation.block import Block

LEAST_DIFFERENT = 8
MOST = 500
LIMIT = 4.0
"""Standard deviations."""
REDUNDANT = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class Preparation:
    """Learnt from some subjects' block, and put to any other of the same columns."""

    columns: NDArray[np.intp]
    """(k,) the columns of the block that stay."""
    median: Floats
    """(k,) stands for a missing number."""
    mean: Floats
    """(k,)"""
    spread: Floats
    """(k,) standard deviation."""

    @classmethod
    def fit(cls, block: Block, training: Flags) -> "Preparation":
        """Learn from the subjects (n,) of the training side that have the modality."""
        values = block.values[training & block.present]
        known = np.flatnonzero(~np.isnan(values).all(axis=0))
        if not known.size:
            return cls(columns=known, median=np.zeros(0), mean=np.zeros(0), spread=np.zeros(0))
        median = np.nanmedian(values[:, known], axis=0)
        filled = np.where(np.isnan(values[:, known]), median, values[:, known])
        stay = np.flatnonzero((filled != median).sum(axis=0) >= LEAST_DIFFERENT)
        if len(stay) > MOST:
            variance = filled[:, stay].var(axis=0)
            stay = np.sort(stay[np.argsort(-variance, kind="stable")[:MOST]])
        mean, spread = filled[:, stay].mean(axis=0), filled[:, stay].std(axis=0)
        own = _not_redundant((filled[:, stay] - mean) / spread)
        return cls(
            columns=known[stay][own],
            median=median[stay][own],
            mean=mean[own],
            spread=spread[own],
        )

    def apply(self, block: Block) -> Floats:
        """Columns (n, k); rows of subjects without the modality hold what no model may read: NaN."""
        values = block.values[:, self.columns]
        filled = np.where(np.isnan(values), self.median, values)
        scaled: Floats = np.clip((filled - self.mean) / self.spread, -LIMIT, LIMIT)
        scaled[~block.present] = np.nan
        return scaled

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "columns": self.columns.tolist(),
            "median": self.median.tolist(),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
        }

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Preparation":
        """What `document` gave."""
        columns = np.array(document["columns"], dtype=np.intp)
        others = {name: np.array(document[name], dtype=np.float64) for name in ("median", "mean", "spread")}
        return cls(columns=columns, **others)


def _not_redundant(scaled: Floats) -> NDArray[np.intp]:
    """Columns that correlate with no earlier one that stays."""
    if scaled.shape[1] == 0:
        return np.zeros(0, dtype=np.intp)
    alike = np.abs(scaled.T @ scaled) / len(scaled) > REDUNDANT
    gone = np.zeros(len(alike), dtype=bool)
    for index in range(len(alike)):
        if not gone[index]:
            gone[index + 1 :] |= alike[index, index + 1 :]
    return np.flatnonzero(~gone)
