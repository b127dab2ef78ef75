"""How well a score orders subjects by what became of them: Harrell's C and the AUC, with limits.

Both are the share of pairs in order. Its variance is the sum of squares of what each subject contributes to it (the
infinitesimal jackknife); the limits are Wilson's at the number of subjects that stands for, but at most twice the
smaller side, which is where Hanley and McNeil's variance of an AUC near 1 leads: that all pairs are in order does not
make it certain.

Sources: Harrell et al., JAMA 247 (1982), 2543-2546; Hanley and McNeil, Radiology 143 (1982), 29-36.
"""

import numpy as np
from numpy.typing import NDArray

from medgantry.features.clinical.proportions import Estimate, wilson

Floats = NDArray[np.float64]
Pairs = NDArray[np.bool_]
"""(subject, other) that are compared: the first should have the higher score."""
LEAST = 10
"""Subjects on the smaller side below which an order says too little."""


def by_time(times: Floats, events: Floats) -> Pairs:
    """Pairs of Harrell's C: the first has the event, and the other is still without it then."""
    seen = events[:, None] > 0
    later = times[:, None] < times[None, :]
    censored_there = (times[:, None] == times[None, :]) & (events[None, :] == 0)
    pairs: Pairs = seen & (later | censored_there)
    return pairs


def by_event(events: Floats) -> Pairs:
    """Pairs of the AUC: the first has the event, the other was followed up without."""
    pairs: Pairs = (events[:, None] > 0) & (events[None, :] == 0)
    return pairs


def in_order(scores: Floats, pairs: Pairs) -> Estimate | None:
    """Share of pairs that the score, or its opposite, has in order; ties count half.

    Returns:
        At least 0.5, since either direction tells; None where too few subjects are compared.
    """
    smaller = int(min(pairs.any(axis=1).sum(), pairs.any(axis=0).sum()))
    if smaller < LEAST:
        return None
    right = np.where(scores[:, None] == scores[None, :], 0.5, scores[:, None] > scores[None, :]) * pairs
    total = float(pairs.sum())
    share = float(right.sum()) / total
    excess = right - share * pairs
    influence = (excess.sum(axis=0) + excess.sum(axis=1)) / total
    variance = float(influence @ influence)
    stronger = max(share, 1 - share)
    size = stronger * (1 - stronger) / variance if variance > 0 else float("inf")
    low, high = wilson(stronger, min(size, 2 * smaller))
    return Estimate(value=stronger, low=low, high=high, n=len(scores))
