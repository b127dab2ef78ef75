"""Bootstrap over whole groups, of any statistic of cases.

Sources: Field and Welsh, J. R. Statist. Soc. B 69 (2007), for groups; Boyd, Eng and Page, ECML PKDD (2013), for score
limits of the area under a precision-recall curve with the positives as sample size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.clusters import cluster_codes
from medgantry.statistics.interval import LEVEL, Interval
from medgantry.statistics.score import critical_value, effective_size, score_limits

RESAMPLES = 500
"""Enough for a variance, whose standard error is then known to 3 %."""
SEED = 0

Statistic = Callable[[NDArray[np.intp]], float | None]
"""From the indices of cases, repeated as drawn, to a value, or None where it is not defined."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Values of a statistic over draws of groups with replacement."""

    values: NDArray[np.float64]
    undefined: int
    """Draws on which the statistic is not defined; they are left out."""


def resample(statistic: Statistic, groups: Sequence[str], *, resamples: int = RESAMPLES) -> Draws:
    """Draw as many groups as there are, with replacement, `resamples` times; the seed is fixed."""
    codes = cluster_codes(groups)
    members, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    generator = np.random.default_rng(SEED)
    values: list[float] = []
    for _ in range(resamples):
        drawn = generator.integers(0, len(sizes), size=len(sizes))
        counts = sizes[drawn]
        ends = np.cumsum(counts)
        within = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        value = statistic(members[np.repeat(starts[drawn], counts) + within])
        if value is not None:
            values.append(value)
    return Draws(values=np.array(values), undefined=resamples - len(values))


def bootstrap_interval(
    statistic: Statistic, groups: Sequence[str], *, units: int | None = None, resamples: int = RESAMPLES
) -> Interval | None:
    """Interval of a statistic by the bootstrap over groups.

    Args:
        statistic: Of case indices.
        groups: The independent unit of each case.
        units: For a statistic in [0, 1]: how many independent groups carry it, such as those with a positive case.
            The limits are then Wilson's score limits at the sample size that the bootstrap's variance stands for,
            but never more than this: a statistic that no draw changes is not certain.
            Without it they are percentiles, which are too narrow below 100 groups.
        resamples: Draws.

    Returns:
        None where the statistic is not defined on all cases. The method says how many draws were undefined.

    Raises:
        ValueError: If no draw is defined and without `units` there are no bounds to fall back on.
    """
    n = len(groups)
    estimate = statistic(np.arange(n, dtype=np.intp))
    if estimate is None:
        return None
    draws = resample(statistic, groups, resamples=resamples)
    said = f"cluster bootstrap, {resamples} draws" + (
        f" ({draws.undefined} undefined)" * bool(draws.undefined)
    )
    if units is None:
        if not len(draws.values):
            raise ValueError("The statistic is undefined on every draw; it needs more groups.")
        low, high = np.quantile(draws.values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        low, high, said = min(low, estimate), max(high, estimate), f"{said}, percentile"
    elif units < 2 or len(draws.values) < 2:
        low, high, said = 0.0, 1.0, "unknown: one group"
    else:
        size = min(float(units), effective_size(estimate, float(draws.values.var(ddof=1))))
        # An estimate of 0 or 1 that the draws do change has no sample size of its own.
        size = size if size > 0 else float(units)
        low, high = score_limits(estimate, size, critical_value())
        said = f"{said}, Wilson score"
    return Interval(
        estimate=float(estimate),
        low=float(low),
        high=float(high),
        n=n,
        groups=len(set(groups)),
        method=said,
    )
