"""Interval of a statistic from what each case contributes to it.

The influence of a case is the first-order change of the estimate with that case's weight. Summed within groups they
are independent, and the sum of their squares is the variance: linearisation, or the infinitesimal jackknife.

Sources: Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 6; Satterthwaite, Biometrics
Bulletin 2 (1946).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.clusters import cluster_codes, cluster_sums
from medgantry.statistics.interval import Interval
from medgantry.statistics.score import critical_value


def influence_variance(influence: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    """Variance of the estimate; corrections for small numbers are in the influence values already."""
    sums = cluster_sums(influence, codes)
    return float(sums @ sums)


def satterthwaite(variances: Sequence[float], dofs: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent variances, each with its own; at least 1."""
    total = sum(variances)
    if total <= 0:
        return max(1.0, min(dofs))
    return max(1.0, total**2 / sum(part**2 / dof for part, dof in zip(variances, dofs, strict=True)))


def influence_interval(
    estimate: float,
    influence: NDArray[np.float64],
    groups: Sequence[str],
    *,
    scale: Literal["identity", "logit"],
    dof: float,
    method: str,
) -> Interval:
    """Interval by Student's t on the scale given.

    Args:
        estimate: The statistic on all cases.
        influence: One per case, in the estimate's own unit whatever the scale; they sum to 0.
        groups: The independent unit of each case.
        scale: "logit" keeps the limits within (0, 1).
        dof: Degrees of freedom of t.
        method: What the estimate's document says.

    Raises:
        ValueError: On the logit scale, if the estimate is not strictly between 0 and 1.
    """
    codes = cluster_codes(groups)
    half = critical_value(dof) * float(np.sqrt(influence_variance(influence, codes)))
    if scale == "identity":
        low, high = estimate - half, estimate + half
    else:
        if not 0 < estimate < 1:
            raise ValueError(f"An estimate on the logit scale lies strictly between 0 and 1, got {estimate}.")
        odds = (1 - estimate) / estimate
        # exp of more than this overflows; the limit is 0 or 1 in double precision long before.
        spread = float(np.exp(min(700.0, half / (estimate * (1 - estimate)))))
        low, high = min(estimate, 1 / (1 + odds * spread)), max(estimate, 1 / (1 + odds / spread))
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        n=len(influence),
        groups=int(codes.max()) + 1,
        method=method,
    )
