"""How well a score orders subjects by what became of them: Harrell's C and the AUC, with limits.

Both are the share of pairs in order. Its variance is the sum of squares of what each subject contributes to it (the
infinitesimal jackknife); the limits are Wilson's at the number of subjects that stands for, but at most twice the
smaller side, which is where Hanley and McNeil's variance of an AUC near 1 leads: that all pairs are in order does not
make it certain.

Sources: Harrell et al., JAMA 247 (1982), 2543-2546; Hanley and McNeil, Radiology 143 (1982), 29-36.
"""

from medgantry.features.clinical.proportions import Estimate, wilson
from medgantry.statistics.arrays import Flags, Floats
from medgantry.statistics.score import effective_size
from medgantry.statistics.survival.concordance import in_order

LEAST = 10
"""Subjects on the smaller side below which an order says too little."""


def with_and_without(event: Flags) -> Flags:
    """Pairs of the AUC: the first has the event, the other was followed up without."""
    pairs: Flags = event[:, None] & ~event
    return pairs


def share_in_order(scores: Floats, pairs: Flags) -> Estimate | None:
    """Share of pairs that the score, or its opposite, has in order; ties count half.

    Args:
        scores: (n,).
        pairs: (n, n): [i, j] is a pair, and i should have the higher score.

    Returns:
        At least 0.5, since either direction tells; None where too few subjects are compared.
    """
    smaller = int(min(pairs.any(axis=1).sum(), pairs.any(axis=0).sum()))
    if smaller < LEAST:
        return None
    right = in_order(scores) * pairs
    total = float(pairs.sum())
    share = float(right.sum()) / total
    excess = right - share * pairs
    influence = (excess.sum(axis=0) + excess.sum(axis=1)) / total
    stronger = max(share, 1 - share)
    size = effective_size(stronger, float(influence @ influence))
    low, high = wilson(stronger, min(size, 2 * smaller))
    return Estimate(value=stronger, low=low, high=high, n=len(scores))
