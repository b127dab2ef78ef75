"""Which columns say something about the hazard that others do not: the score test of each, one at a time.

    z = U / sqrt(V)    U = derivative of the partial likelihood at 0,  V = its information, given the offset

The test needs no fit, so that all columns are judged by a few matrix products.
"""

import numpy as np

from medgantry.statistics.arrays import Floats
from medgantry.survival.estimators.partial_likelihood import Indices, RiskSets


def score_statistics(x: Floats, sets: RiskSets, offset: Floats) -> Floats:
    """Standardised score (p,) of each column; 0 for one without information.

    Args:
        x: Columns (n, p).
        sets: Of the same n subjects.
        offset: Log relative hazards (n,) known already.
    """
    columns, hazard = x[sets.order], np.exp(offset[sets.order])
    total = sets.at_risk(hazard)
    mean = sets.at_risk(hazard[:, None] * columns) / total[:, None]
    expected = sets.expected(hazard, total)
    score = columns[sets.events].sum(axis=0) - expected @ columns
    information = expected @ columns**2 - (mean**2).sum(axis=0)
    sound = information > 1e-9 * len(sets.events)
    return np.where(sound, score / np.sqrt(np.where(sound, information, 1.0)), 0.0)


def strongest(x: Floats, sets: RiskSets, offset: Floats, kept: int) -> Indices:
    """The columns with the largest statistics, in their own order."""
    z = np.abs(score_statistics(x, sets, offset))
    # Stable, so that of equal ones the first is kept on every machine.
    return np.sort(np.argsort(-z, kind="stable")[:kept])
