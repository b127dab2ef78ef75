"""Concordance of cross-validated risks: only subjects of one fold are compared.

Every fold has a model of its own, and with it a scale of risk. Compared across folds, risks without any worth get a C
below one half: a fold with many events leaves few to its model, which then predicts low risks just there.

Source: Parker, Gunter and Bedo, BMC Bioinformatics 8 (2007), on pooling scores over folds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Flags, Floats
from medgantry.statistics.survival.concordance import Pairs, in_order
from medgantry.survival.evaluation.jackknife import Jackknifed
from medgantry.survival.evaluation.weighted_outcome import WeightedOutcome


@dataclass(frozen=True, kw_only=True, eq=False)
class Ordering:
    """How a candidate orders the subjects of each fold."""

    together: Flags
    """(repeats, n, n) whether both are in one fold."""
    ordered: Floats
    """(repeats, n, n) of these: 1 where the first has the higher risk, one half where it is the same."""

    @classmethod
    def of(cls, fold: NDArray[np.int64], risk: Floats) -> "Ordering":
        """Of folds and risks (repeats, n)."""
        together = fold[:, :, None] == fold[:, None, :]
        return cls(together=together, ordered=together * np.stack([in_order(values) for values in risk]))


def concordance(outcome: WeightedOutcome, pairs: Pairs, ordering: Ordering) -> Jackknifed | None:
    """Share of pairs in order.

    Returns:
        None where a repeat has no pairs, or one subject is in all of them.
    """
    above = _sums(outcome, pairs, ordering.ordered)
    below = _sums(outcome, pairs, ordering.together)
    if not (below.values > 0).all() or not (below.without > 0).all():
        return None
    return above / below


def _sums(outcome: WeightedOutcome, pairs: Pairs, counts: NDArray[np.generic]) -> Jackknifed:
    """Weighted sums of counts (repeats, n, n), whose weights are of the first of a pair."""
    weight, changed = pairs.weight(outcome.uncensored), pairs.weight(outcome.uncensored_without)
    values, without = [], []
    for repeat in counts:
        counted = pairs.counted * repeat
        own = counted.sum(axis=1)
        values.append(weight @ own)
        # With a subject go the pairs in which it is first, and those in which it is second.
        without.append(changed @ own - np.diag(changed) * own - np.einsum("ki,ik->k", changed, counted))
    return Jackknifed(values=np.array(values), without=np.array(without))
