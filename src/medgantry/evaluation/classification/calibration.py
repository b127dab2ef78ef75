"""Whether stated probabilities hold.

Sources: Guo et al., On Calibration of Modern Neural Networks, ICML (2017); bins of equal mass as in Nixon et al.,
Measuring Calibration in Deep Learning, CVPR workshops (2019); Brier, Monthly Weather Review 78 (1950).
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.score import critical_value, score_limits

BINS = 15
LEAST = 10
"""Cases below which a bin's accuracy says too little."""
WORST = float(-np.log(np.finfo(np.float64).tiny))
"""Greatest negative log likelihood [nats]: of a probability that was stated as 0."""


def expected_calibration_error(
    reference: NDArray[np.int_], probabilities: NDArray[np.float64], *, bins: int = BINS
) -> float:
    """Mean distance of confidence and accuracy over bins of equal mass, weighted by their cases; in [0, 1].

    An estimate above the truth for few cases: a perfectly calibrated model has more than 0.
    """
    confidence, right = _top(reference, probabilities)
    gaps = [
        len(chosen) * abs(float(confidence[chosen].mean()) - float(right[chosen].mean()))
        for chosen in equal_mass_bins(confidence, bins)
    ]
    return sum(gaps) / len(reference)


def reliability_curve(
    reference: NDArray[np.int_], probabilities: NDArray[np.float64], *, bins: int = BINS
) -> list[dict[str, Any]]:
    """The bins of the calibration error, from the least confident.

    Returns:
        Per bin `n`, mean `confidence`, `accuracy` and its Wilson limits `low` and `high`, in which each case counts
        as independent.
    """
    confidence, right = _top(reference, probabilities)
    rows = []
    for chosen in equal_mass_bins(confidence, bins):
        accuracy = float(right[chosen].mean())
        low, high = score_limits(accuracy, len(chosen), critical_value())
        rows.append(
            {
                "n": len(chosen),
                "confidence": float(confidence[chosen].mean()),
                "accuracy": accuracy,
                "low": low,
                "high": high,
            }
        )
    return rows


def equal_mass_bins(confidence: NDArray[np.float64], bins: int = BINS) -> list[NDArray[np.intp]]:
    """Indices of the cases of each bin.

    Cases of one confidence always share a bin, so that the order of cases decides nothing. From the least confident
    upwards, a bin closes once it holds its part of the cases not yet in a bin; the bins left are never more than
    these cases can fill with ten each, and a rest of fewer than ten joins the last bin.
    """
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True]) + 1
    cuts, start, left = [0], 0, bins
    for end in ends:
        rest = len(ordered) - start
        if end - start >= rest / max(1, min(left, rest // LEAST)):
            cuts.append(int(end))
            start, left = int(end), left - 1
    if cuts[-1] < len(ordered):
        cuts.append(len(ordered))
    if len(cuts) > 2 and cuts[-1] - cuts[-2] < LEAST:
        del cuts[-2]
    return [order[low:high] for low, high in pairwise(cuts)]


def negative_log_likelihood(
    reference: NDArray[np.int_], probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of each case [nats], in [0, `WORST`]: a probability of 0 counts as the smallest normal number."""
    stated = probabilities[np.arange(len(reference)), reference]
    losses: NDArray[np.float64] = -np.log(np.clip(stated, np.finfo(np.float64).tiny, 1.0))
    return np.abs(losses)


def brier(reference: NDArray[np.int_], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distance of the probabilities from the truth, summed over classes, of each case; in [0, 2]."""
    truth = np.zeros_like(probabilities, dtype=np.float64)
    truth[np.arange(len(reference)), reference] = 1.0
    distances: NDArray[np.float64] = ((probabilities - truth) ** 2).sum(axis=1)
    return distances


def _top(
    reference: NDArray[np.int_], probabilities: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == reference
