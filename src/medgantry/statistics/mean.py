"""Mean of values that come in groups, with its interval.

Which method was chosen, and the coverage measured for it, is in docs/statistics.md.

Sources: variance of a ratio estimate over clusters, Cochran, Sampling Techniques (1977), section 9A; score limits
as in `score`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.clusters import cluster_codes, cluster_sums
from medgantry.statistics.interval import LEVEL, Interval
from medgantry.statistics.score import critical_value, effective_size, score_limits

UNKNOWN = "unknown: one group"
ROUNDING = 1e-12
"""A standard error below this share of the values' range is rounding, not evidence."""


def clustered_mean(
    values: Sequence[float], groups: Sequence[str], *, bounds: tuple[float, float] | None = None
) -> Interval:
    """Mean over values with an interval over groups; deterministic.

    With `bounds` the limits are Wilson's score limits at the effective sample size: the one of 0/1 values that would
    give the variance found between groups. They stay within the bounds and never have width 0.

    Without bounds, for differences, they are Student's t with the cluster-robust variance. All values 0 give
    [0, 0]: no case tells the two apart, which does not say that none would.

    Args:
        values: One per case.
        groups: The independent unit of each case.
        bounds: Least and greatest possible value, such as (0, 1).

    Returns:
        With one group: the bounds themselves.

    Raises:
        ValueError: Without values; with a value that is not finite or outside the bounds; with one group and no
            bounds, since then nothing is known of the spread.
    """
    found = np.asarray(values, dtype=np.float64)
    _check(found, groups, bounds)
    codes = cluster_codes(groups)
    units = int(codes.max()) + 1
    if bounds is None:
        if units == 1:
            raise ValueError(
                "The interval of an unbounded mean needs two groups, got one; give bounds or more patients."
            )
        low, high, method = _unbounded(found, codes)
    elif units == 1:
        (low, high), method = bounds, UNKNOWN
    else:
        span = bounds[1] - bounds[0]
        low, high, method = _bounded((found - bounds[0]) / span, codes)
        low, high = bounds[0] + span * low, bounds[0] + span * high
    mean = float(found.mean())
    return Interval(
        estimate=mean,
        low=float(min(low, mean)),
        high=float(max(high, mean)),
        n=len(found),
        groups=units,
        method=method,
    )


def _check(values: NDArray[np.float64], groups: Sequence[str], bounds: tuple[float, float] | None) -> None:
    if not len(values):
        raise ValueError("A mean needs at least one value.")
    if len(values) != len(groups):
        raise ValueError(f"Each value needs its group, got {len(values)} values and {len(groups)} groups.")
    if not np.isfinite(values).all():
        raise ValueError("A mean needs finite values; leave out what could not be computed.")
    if bounds is not None and not (bounds[0] <= values.min() and values.max() <= bounds[1]):
        raise ValueError(f"Values must lie in {bounds}, got {values.min()} to {values.max()}.")


def cluster_variance(values: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    """Variance of the mean of all values, from two groups or more; whole groups vary, and so do their sizes."""
    sums, sizes = cluster_sums(values, codes), np.bincount(codes)
    residuals = sums - values.mean() * sizes
    units = len(sums)
    return float(units / (units - 1) * (residuals @ residuals) / len(values) ** 2)


def _bounded(values: NDArray[np.float64], codes: NDArray[np.intp]) -> tuple[float, float, str]:
    n, units = len(values), int(codes.max()) + 1
    mean, variance = float(np.clip(values.mean(), 0, 1)), cluster_variance(values, codes)
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    if binary and units == n:
        return *score_limits(mean, n, critical_value()), "Wilson score"
    # No spread between groups says nothing about the next one: each counts as one 0/1 value.
    size = effective_size(mean, variance) if variance > ROUNDING**2 else float(units)
    if binary:
        size = min(size, float(n))
    low, high = score_limits(mean, size, critical_value(units - 1))
    return low, high, "Wilson score, effective sample size, t"


def _unbounded(values: NDArray[np.float64], codes: NDArray[np.intp]) -> tuple[float, float, str]:
    units, mean, largest = int(codes.max()) + 1, float(values.mean()), float(np.abs(values).max())
    variance = cluster_variance(values, codes)
    if variance > (ROUNDING * largest) ** 2:
        half = critical_value(units - 1) * float(np.sqrt(variance))
        return mean - half, mean + half, "t, cluster-robust"
    # All groups agree. The sign test's limit: up to this share of patients may be of the opposite sign.
    unseen = 1 - ((1 - LEVEL) / 2) ** (1 / units)
    half = 2 * largest * unseen
    return mean - half, mean + half, "sign test: no spread between groups" if largest else "no case differs"
