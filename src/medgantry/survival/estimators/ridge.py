"""Ridge Cox regression by Newton's method.

    maximise  l(b) / n - penalty / 2 |b|^2

Written here because nested cross-validation fits some ten thousand of these: lifelines takes 28 ms for one of 5
columns and 120 subjects, this 0.3 ms. Tests hold it to lifelines.

Source: Verweij and van Houwelingen, Statistics in Medicine 13 (1994).
"""

import numpy as np

from medgantry.statistics.arrays import Floats
from medgantry.survival.estimators.partial_likelihood import RiskSets

_STEPS = 50
_LARGEST_STEP = 1.0
"""Of a coefficient in one step, in log hazard ratios: Newton's own may overshoot where hazards are extreme."""
_TOLERANCE = 1e-7


def fit_ridge(x: Floats, sets: RiskSets, offset: Floats, penalty: float) -> Floats:
    """Coefficients (p,) of columns (n, p), given log relative hazards (n,) known already."""
    n, p = x.shape
    columns, known = x[sets.order], offset[sets.order]
    observed = columns[sets.events].sum(axis=0)
    coefficients = np.zeros(p)
    for _ in range(_STEPS):
        risk = known + columns @ coefficients
        hazard = np.exp(risk - risk.max())
        total = sets.at_risk(hazard)
        mean = sets.at_risk(hazard[:, None] * columns) / total[:, None]
        expected = sets.expected(hazard, total)
        gradient = (observed - expected @ columns) / n - penalty * coefficients
        information = (columns.T @ (expected[:, None] * columns) - mean.T @ mean) / n
        step = np.linalg.solve(information + penalty * np.eye(p), gradient)
        size = float(np.abs(step).max(initial=0.0))
        coefficients += step * min(1.0, _LARGEST_STEP / size if size else 1.0)
        if size < _TOLERANCE:
            break
    return coefficients
