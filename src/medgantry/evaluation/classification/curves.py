"""ROC curve, precision-recall area and operating points.

Everywhere a case is called positive when its score is at or above the threshold.

Sources: Fawcett, Pattern Recognition Letters 27 (2006); average precision as in Boyd, Eng and Page, ECML PKDD (2013).
"""

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-9
"""Cases by which a share times a count may miss a whole number."""


def roc_curve(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Every operating point that the scores allow, from none positive to all.

    Returns:
        False positive rates, true positive rates and their thresholds, which fall. All are finite: the first
        threshold is the number next above the highest score, where others write infinity.

    Raises:
        ValueError: If a side is empty.
    """
    if positive.all() or not positive.any():
        raise ValueError("A ROC curve needs positive and negative cases.")
    true, called, thresholds = _counts(positive, scores)
    positives = int(positive.sum())
    above = np.nextafter(thresholds[0], np.inf)
    return (
        np.r_[0.0, (called - true) / (len(scores) - positives)],
        np.r_[0.0, true / positives],
        np.r_[above, thresholds],
    )


def pr_auc(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Average precision: precision at each threshold, weighted by the recall gained there.

    Returns:
        None without a positive case.
    """
    if not positive.any():
        return None
    true, called, _ = _counts(positive, scores)
    return float(np.diff(true, prepend=0) @ (true / called) / true[-1])


def sensitivity_at(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], specificity: float
) -> float | None:
    """Highest sensitivity of any threshold whose specificity is at least the one given.

    Returns:
        None when a side is empty.
    """
    found = _detected(positive, scores, specificity)
    return None if found is None else len(found) / int(positive.sum())


def operating_threshold(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], specificity: float
) -> float | None:
    """The threshold of `sensitivity_at`, the highest if several reach it; to be frozen on validation cases.

    Returns:
        None when a side is empty; the number next above every score if only that is specific enough.
    """
    found = _detected(positive, scores, specificity)
    if found is None:
        return None
    return float(found.min() if len(found) else np.nextafter(scores.max(), np.inf))


def _counts(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.float64]]:
    """True positives and all called positive at each distinct score, from the highest."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.r_[falling[1:] != falling[:-1], True])
    return np.cumsum(positive[order].astype(int))[last], last + 1, falling[last]


def _detected(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], specificity: float
) -> NDArray[np.float64] | None:
    """Scores of the positives that the most sensitive admissible threshold calls positive."""
    if not 0 <= specificity <= 1:
        raise ValueError(f"A specificity lies in [0, 1], got {specificity}.")
    upper, lower = scores[positive], scores[~positive]
    if not len(upper) or not len(lower):
        return None
    below = int(np.ceil(specificity * len(lower) - ROUNDING))
    if below == 0:
        return upper
    highest_admitted = float(np.partition(lower, below - 1)[below - 1])
    found: NDArray[np.float64] = upper[upper > highest_admitted]
    return found
