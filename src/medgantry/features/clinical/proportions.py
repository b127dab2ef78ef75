"""Shares and their differences with 95 % intervals.

Source: the difference by method 10 of Newcombe, Statistics in Medicine 17 (1998), 873-890.
"""

from dataclasses import dataclass
from math import sqrt

from medgantry.statistics.score import critical_value, score_limits


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with the limits of its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    """Subjects that it is made of."""

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def wilson(share: float, size: float) -> tuple[float, float]:
    """Score limits of a share of `size` independent subjects."""
    return score_limits(share, size, critical_value())


def difference(first: int, of_first: int, second: int, of_second: int) -> Estimate:
    """Share of the first group minus share of the second.

    Args:
        first: Positive subjects of the first group.
        of_first: All subjects of the first group, at least one.
        second: Positive subjects of the second group.
        of_second: All subjects of the second group, at least one.
    """
    p, q = first / of_first, second / of_second
    (p_low, p_high), (q_low, q_high) = wilson(p, of_first), wilson(q, of_second)
    return Estimate(
        value=p - q,
        low=p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2),
        high=p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2),
        n=of_first + of_second,
    )


def imbalance(group: int, others: int) -> Estimate:
    """Class imbalance (others - group) / (others + group): near 1 where the group is rare, 0 where it is half.

    Source: Amazon SageMaker Clarify, pre-training metric CI.
    """
    n = group + others
    low, high = wilson(group / n, n)
    return Estimate(value=(others - group) / n, low=1 - 2 * high, high=1 - 2 * low, n=n)
