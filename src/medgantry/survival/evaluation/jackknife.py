"""A statistic of each repeat of a cross-validation, with what it would be without each subject.

The values without each subject are exact recomputations, weights for censoring included; only the predictions stay as
they are. Functions and differences of statistics carry them on.

The estimate is the mean over the repeats. Predictions of a cross-validation depend on each other, because the models
behind them share subjects, and an interval that forgets it holds too seldom (Bates, Hastie and Tibshirani, J. Am.
Stat. Assoc. 119 (2024)). So the variance is the mean of the repeats' own jackknife variances, since repeats share all
their subjects and make the estimate steadier with regard to the split only; times 1 + test / training subjects of a
fold (Nadeau and Bengio, Machine Learning 52 (2003)). docs/survival-evaluation.md has the coverage that was measured.

Source: Efron and Stein, Annals of Statistics 9 (1981), for the jackknife.
"""

from collections.abc import Callable
from dataclasses import dataclass

from medgantry.statistics.arrays import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Jackknifed:
    """A statistic of n subjects in each repeat."""

    values: Floats
    """(repeats, ...)"""
    without: Floats
    """(repeats, n, ...) without each subject."""

    @property
    def value(self) -> float:
        """The estimate."""
        return float(self.values.mean())

    def variance(self, test_to_training: float) -> float:
        """Of the estimate, where each fold has that many subjects for each one that its models were fitted on."""
        n = self.without.shape[1]
        return float((1 + test_to_training) * (n - 1) * self.without.var(axis=1).mean())

    def of(self, function: Callable[[Floats], Floats]) -> "Jackknifed":
        """A function of the statistic."""
        return Jackknifed(values=function(self.values), without=function(self.without))

    def __sub__(self, other: "Jackknifed") -> "Jackknifed":
        return Jackknifed(values=self.values - other.values, without=self.without - other.without)

    def __truediv__(self, other: "Jackknifed") -> "Jackknifed":
        return Jackknifed(values=self.values / other.values, without=self.without / other.without)
