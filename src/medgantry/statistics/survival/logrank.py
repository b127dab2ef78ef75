"""The log-rank test: whether groups differ in when the event comes.

At every event time the events of each group are compared with its share of those at risk; with O and E their sums,
(O - E)' V^-1 (O - E) is chi-squared with one degree of freedom less than groups.

Sources: Mantel, Cancer Chemotherapy Reports 50 (1966); Kalbfleisch and Prentice (2002), section 1.5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from medgantry.statistics.arrays import Flags, Floats


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """Result of the test."""

    statistic: float
    dof: int
    p: float


def log_rank(time: Floats, event: Flags, group: NDArray[np.int_]) -> LogRank | None:
    """Compare groups.

    Args:
        time: (n,) days.
        event: (n,).
        group: (n,) which group each subject is of.

    Returns:
        None where there is one group, or no event to tell them apart.
    """
    names = np.unique(group)
    members = group == names[:, None]
    days = np.unique(time[event])
    at_risk = (members[:, :, None] & (time[:, None] >= days)).sum(axis=1).astype(np.float64)
    events = (members[:, :, None] & event[:, None] & (time[:, None] == days)).sum(axis=1).astype(np.float64)
    total, died = at_risk.sum(axis=0), events.sum(axis=0)
    share = at_risk / total
    distance = (events - died * share).sum(axis=1)
    # Of a hypergeometric draw: of `total` at risk `died` have the event.
    spread = died * (total - died) / np.maximum(total - 1, 1)
    variance = np.diag((spread * share).sum(axis=1)) - (spread * share) @ share.T
    dof = len(names) - 1
    # Distances sum to 0: one group says nothing new.
    if dof < 1 or np.linalg.matrix_rank(variance) < dof:
        return None
    statistic = float(distance[:-1] @ np.linalg.solve(variance[:-1, :-1], distance[:-1]))
    return LogRank(statistic=statistic, dof=dof, p=float(stats.chi2.sf(statistic, dof)))
