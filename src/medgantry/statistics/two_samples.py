"""Whether two samples come from one distribution, whatever it is, and how far they are apart.

Sources: Hodges, The significance probability of the Smirnov two-sample test, Arkiv för Matematik 3 (1958); Noether, Note
on the Kolmogorov statistic in the discrete case, Metrika 7 (1963): with ties the p-value is too large, never too small;
Phipson and Smyth, Permutation p-values should never be zero, Statistical Applications in Genetics and Molecular Biology 9
(2010), article 39.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from medgantry.statistics.arrays import Floats

_FEW_VALUES = 50
"""Up to so many different values a distribution counts as discrete: Kolmogorov-Smirnov would lose power."""
_SEED = 0
"""The same samples give the same p-value."""
_EQUAL = 1e-12
"""Statistics closer than this are equal but for rounding."""

Values = NDArray[np.generic]
Counts = NDArray[np.int64]


def same_numbers(first: Floats, second: Floats, draws: int) -> float:
    """P-value of the two-sample Kolmogorov-Smirnov test.

    With few different values by permutation, as ties make the exact distribution conservative; of continuous values
    exact, or asymptotic above 10,000.

    Args:
        first: (n,), infinities allowed.
        second: (m,).
        draws: Permutations.
    """
    counts = _count(first, second)
    if counts.shape[1] > _FEW_VALUES:
        ranks = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # where exact fails it is asymptotic
            return float(stats.ks_2samp(ranks[: len(first)], ranks[len(first) :]).pvalue)

    def distance(second_counts: Counts) -> Floats:
        first_counts = counts.sum(axis=0) - second_counts
        steps = first_counts / len(first) - second_counts / len(second)
        return np.asarray(np.abs(np.cumsum(steps, axis=-1)).max(axis=-1), dtype=np.float64)

    drawn = _permuted(counts, draws)
    return _p_value(distance(counts[1]), distance(drawn))


def same_shares(first: Values, second: Values, draws: int) -> float:
    """P-value of the chi-square statistic of two samples of classes, by permutation: small counts are no matter.

    Args:
        first: (n,) names.
        second: (m,).
        draws: Permutations.
    """
    counts = _count(first, second)
    expected = counts.sum(axis=0) * len(second) / (len(first) + len(second))

    def distance(second_counts: Counts) -> Floats:
        # The first sample's counts follow from the second's: its terms are these, times m / n.
        return np.asarray(((second_counts - expected) ** 2 / expected).sum(axis=-1), dtype=np.float64)

    return _p_value(distance(counts[1]), distance(_permuted(counts, draws)))


def wasserstein_in_deviations(reference: Floats, other: Floats) -> float | None:
    """Wasserstein distance, in standard deviations of the reference.

    Returns:
        None where the reference has no spread, or a sample no value.
    """
    if len(reference) < 2 or not len(other) or not (spread := float(np.std(reference, ddof=1))):
        return None
    return float(stats.wasserstein_distance(reference, other)) / spread


def total_variation(first: Values, second: Values) -> float:
    """Share of one sample that must change its class to have the other's shares, 0 to 1."""
    counts = _count(first, second)
    return float(np.abs(counts[0] / len(first) - counts[1] / len(second)).sum() / 2)


def _count(first: Values, second: Values) -> Counts:
    """How often each value is in each sample: (2, different values), by value."""
    values = np.concatenate([first, second])
    different, places = np.unique(values, return_inverse=True)
    rows = [np.bincount(part, minlength=len(different)) for part in np.split(places, [len(first)])]
    return np.asarray(rows, dtype=np.int64)


def _permuted(counts: Counts, draws: int) -> Counts:
    """The second sample's counts when all values are dealt out anew: (draws, different values)."""
    rng = np.random.default_rng(_SEED)
    dealt = rng.multivariate_hypergeometric(counts.sum(axis=0), int(counts[1].sum()), size=draws)
    return np.asarray(dealt, dtype=np.int64)


def _p_value(found: Floats, drawn: Floats) -> float:
    """The found arrangement is one of those that are counted."""
    return float((1 + np.count_nonzero(drawn >= found - _EQUAL)) / (1 + len(drawn)))
