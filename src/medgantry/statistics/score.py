"""Wilson's score interval of a mean that lies in [0, 1].

Sources: Wilson, J. Am. Stat. Assoc. 22 (1927); effective sample sizes as in Korn and Graubard, Survey Methodology
24 (1998), and Dean and Pagano, J. Surv. Stat. Methodol. 3 (2015).
"""

import numpy as np
from scipy import stats

from medgantry.statistics.interval import LEVEL


def critical_value(dof: float | None = None) -> float:
    """Two-sided quantile at `LEVEL`: of Student's t with `dof` degrees of freedom, of the normal without."""
    upper = (1 + LEVEL) / 2
    return float(stats.norm.ppf(upper) if dof is None else stats.t.ppf(upper, dof))


def effective_size(mean: float, variance: float) -> float:
    """Number of independent 0/1 values whose mean would have this variance; infinite if there is none."""
    return mean * (1 - mean) / variance if variance > 0 else float("inf")


def score_limits(mean: float, size: float, critical: float) -> tuple[float, float]:
    """Limits within [0, 1] around a mean of `size` independent 0/1 values; never of width 0."""
    share = critical * critical / size
    centre = (mean + share / 2) / (1 + share)
    half = float(np.sqrt(share * mean * (1 - mean) + share * share / 4)) / (1 + share)
    # Rounding may put a limit a hair on the wrong side of the mean.
    return max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))
