"""One number that makes logits calibrated without changing which class is highest.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML (2017), section 4.2.
"""

import numpy as np
from numpy.typing import NDArray

BOUNDS = (0.05, 20.0)
"""Temperatures that are tried; a fit at a bound says that the validation cases do not determine it."""
STEPS = 60
"""Halvings of the bracket in log T, to double precision."""


def fit_temperature(logits: NDArray[np.float64], reference: NDArray[np.int_]) -> float:
    """Temperature of least negative log likelihood on validation cases, within `BOUNDS`.

    The likelihood is convex in 1 / T, so its slope changes sign once and is bracketed by halving.

    Args:
        logits: Array (cases, classes).
        reference: Class of each case.

    Returns:
        1 without cases, and where the likelihood is flat at 1: equal logits, or right beyond double precision.

    Raises:
        ValueError: If a logit is not finite.
    """
    if not np.isfinite(logits).all():
        raise ValueError("Logits must be finite; the network diverged.")
    if not len(logits) or _slope(logits, reference, 1.0) == 0:
        return 1.0
    low, high = (float(np.log(bound)) for bound in BOUNDS)
    if _slope(logits, reference, 1 / BOUNDS[0]) <= 0:
        return BOUNDS[0]
    if _slope(logits, reference, 1 / BOUNDS[1]) >= 0:
        return BOUNDS[1]
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _slope(logits, reference, float(np.exp(-middle))) > 0:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def apply_temperature(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities, array (cases, classes), of logits divided by the temperature."""
    scaled = np.asarray(logits, dtype=np.float64)
    powers = np.exp((scaled - scaled.max(axis=1, keepdims=True)) / temperature)
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _slope(logits: NDArray[np.float64], reference: NDArray[np.int_], sharpness: float) -> float:
    """Derivative of the mean negative log likelihood by 1 / T."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    expected = (apply_temperature(logits, 1 / sharpness) * shifted).sum(axis=1)
    return float((expected - shifted[np.arange(len(reference)), reference]).mean())
