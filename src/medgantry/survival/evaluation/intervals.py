"""Intervals of statistics of cross-validated predictions, by Student's t on the scale that suits each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from medgantry.statistics.interval import LEVEL, Interval
from medgantry.statistics.score import critical_value, effective_size, score_limits
from medgantry.survival.evaluation.jackknife import Jackknifed

_NAME = "jackknife over subjects, corrected for cross-validation"
SHARE, PLAIN, RATIO = f"{_NAME}, Wilson score, t", f"{_NAME}, t", f"{_NAME}, log, t"
EQUAL = "equal for every subject"


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """What intervals of some predictions have in common.

    Everywhere `units` is how many subjects decide a statistic, such as those with the event: t has one degree of
    freedom less.
    """

    subjects: int
    test_to_training: float
    """Subjects of a fold for each one that its models were fitted on; 0 where all predictions are by one model."""

    @classmethod
    def of(cls, fold: NDArray[np.int64]) -> "Intervals":
        """Of folds (repeats, n)."""
        n = fold.shape[1]
        sizes = np.concatenate([np.unique(folds, return_counts=True)[1] for folds in fold])
        ratios = [size / (n - size) for size in sizes if size < n]
        return cls(subjects=n, test_to_training=float(np.mean(ratios)) if ratios else 0.0)

    def share(self, found: Jackknifed, units: int) -> Interval:
        """Of what lies in [0, 1]: Wilson's score limits at the size of 0/1 values that would vary as much."""
        value = found.value
        size = effective_size(value, found.variance(self.test_to_training))
        if not 0 < size < np.inf:  # every subject agrees, which says nothing about the next
            size = max(1, units)
        low, high = score_limits(value, size, critical_value(max(1, units - 1)))
        return self._interval(value, low, high, SHARE)

    def plain(self, found: Jackknifed, units: int) -> Interval:
        """Of a difference, or what else has no bounds that matter."""
        half = critical_value(max(1, units - 1)) * self._error(found)
        return self._interval(found.value, found.value - half, found.value + half, PLAIN if half else EQUAL)

    def ratio(self, log: Jackknifed, units: int) -> Interval:
        """Of a ratio, given as its logarithm."""
        half = critical_value(max(1, units - 1)) * self._error(log)
        estimate, low, high = (float(np.exp(log.value + side)) for side in (0.0, -half, half))
        return self._interval(estimate, low, high, RATIO)

    def least(self, found: list[Jackknifed], units: int) -> Interval:
        """Of the least of several differences: one candidate minus the best of others.

        The lower limit is the least of their lower limits, and needs no correction for looking at several: it is too
        high only if that of the one that is truly least is. The upper limit is the least of their upper limits at a
        level that is (Bonferroni). The estimate is too low on average, since the best of several looks better than
        it is.

        Source: Berger, Technometrics 24 (1982), intersection-union tests.
        """
        dof = max(1, units - 1)
        shared = float(stats.t.ppf(1 - (1 - LEVEL) / (2 * len(found)), dof))
        errors = [self._error(each) for each in found]
        pairs = list(zip((each.value for each in found), errors, strict=True))
        return self._interval(
            min(each.value for each in found),
            min(value - critical_value(dof) * error for value, error in pairs),
            min(value + shared * error for value, error in pairs),
            f"least of {len(found)} paired differences; {PLAIN}; upper limit by Bonferroni",
        )

    def _error(self, found: Jackknifed) -> float:
        return float(np.sqrt(found.variance(self.test_to_training)))

    def _interval(self, estimate: float, low: float, high: float, method: str) -> Interval:
        return Interval(
            estimate=float(estimate),
            low=float(low),
            high=float(high),
            n=self.subjects,
            groups=self.subjects,
            method=method,
        )
