"""Percentile bootstrap of a mean, resampling whole groups.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; clusters as in Field and
Welsh, J. R. Statist. Soc. B 69 (2007).
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def clustered_mean(values: Sequence[float], groups: Sequence[str], *, seed: int = 0) -> dict[str, float]:
    """Mean with its 95 % interval; patients, not images, are drawn.

    Returns:
        `estimate`, `low`, `high`, `n` (values), `groups`.

    Raises:
        ValueError: Without values.
    """
    if not values:
        raise ValueError("A mean needs at least one value.")
    members: dict[str, list[float]] = defaultdict(list)
    for value, group in zip(values, groups, strict=True):
        members[group].append(value)
    sums = np.array([sum(members[group]) for group in sorted(members)])
    counts = np.array([len(members[group]) for group in sorted(members)])
    draws = np.random.default_rng(seed).integers(0, len(sums), size=(RESAMPLES, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {
        "estimate": float(np.mean(values)),
        "low": float(low),
        "high": float(high),
        "n": len(values),
        "groups": len(members),
    }
