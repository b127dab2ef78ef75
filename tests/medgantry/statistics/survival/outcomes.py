"""Outcomes with everything that makes survival metrics hard: ties of all kinds, and heavy censoring."""

import numpy as np
from numpy.typing import NDArray

SEEDS = range(6)
SUBJECTS = 60


def make_outcomes(seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Days, events and a risk that knows something; every other cohort is censored for the most part."""
    generator = np.random.default_rng(seed)
    risk = np.round(generator.normal(size=SUBJECTS), 1)
    event_time = np.ceil(generator.exponential(20 * np.exp(-0.5 * risk)))
    censoring = np.ceil(generator.exponential((8, 60)[seed % 2], SUBJECTS))
    return np.minimum(event_time, censoring), event_time <= censoring, risk
