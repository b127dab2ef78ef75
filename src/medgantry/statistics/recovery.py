"""Limits of a weighted sum from the limits of its terms (MOVER).

The distance from estimate to limit stands for the standard error on that side, so that the asymmetry of each term's
interval carries over and a term at 0 or 1 keeps its doubt.

Source: Zou and Donner, Statistics in Medicine 27 (2008); dependent terms as in Zou, Psychological Methods 12 (2007).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.interval import Interval


def recovered_limits(
    terms: Sequence[Interval], weights: Sequence[float], influence: NDArray[np.float64]
) -> tuple[float, float]:
    """Limits of the sum of weight times term.

    Args:
        terms: With their own intervals.
        weights: One per term, of either sign.
        influence: Array (terms, groups) of what each group contributes to each term; their correlations are the
            terms'. A term without any counts as uncorrelated.
    """
    correlations = _correlations(influence)
    weight = np.asarray(weights, dtype=np.float64)
    below = np.array([term.estimate - term.low for term in terms])
    above = np.array([term.high - term.estimate for term in terms])
    estimate = float(weight @ np.array([term.estimate for term in terms]))
    # A term with a negative weight lowers the sum where it is high.
    down = weight * np.where(weight > 0, below, above)
    up = weight * np.where(weight > 0, above, below)
    # A quadratic form in correlations is never below 0, but for rounding.
    variances = [max(0.0, float(side @ correlations @ side)) for side in (down, up)]
    return estimate - float(np.sqrt(variances[0])), estimate + float(np.sqrt(variances[1]))


def _correlations(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.sqrt((influence**2).sum(axis=1))
    scaled = influence / np.where(norms > 0, norms, 1.0)[:, None]
    correlations: NDArray[np.float64] = scaled @ scaled.T
    np.fill_diagonal(correlations, 1.0)
    return correlations
