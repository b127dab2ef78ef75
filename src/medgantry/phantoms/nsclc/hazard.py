"""The planted truth: one feature of each modality acts on the hazard, and times follow from it.

The hazard is proportional: h(t) = h0(t) exp(x), where x is the sum over modalities of sign * log(hazard ratio) * z and
z the standardised value of the modality's planted feature. The baseline is Weibull, and time counts from surgery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A feature that acts on the hazard.

    Attributes:
        feature: Its name where it is measured: pyradiomics', the column of the CSV, the gene's symbol.
        sign: 1 when more of it is worse, -1 when it protects.
    """

    feature: str
    sign: int


PLANTED: Mapping[str, Planted] = MappingProxyType(
    {
        "radiomics": Planted(feature="original_shape_Elongation", sign=-1),
        "clinical": Planted(feature="Age at Histological Diagnosis", sign=1),
        "expression": Planted(feature="GDF15", sign=1),
    }
)
"""By modality. Elongation is pyradiomics': 1 for a round tumour, so a drawn-out one is worse.

As pyradiomics measures it in the phantom's voxels it correlates with the planted value by 0.99, and by 0.97 after
resampling to 2 mm (59 and 29 patients, seed 0).
"""

LIMIT = 2.6
"""Standardised values are cut off here: a tumour can only be so thin."""

_SHAPE = 1.2
"""Of the Weibull baseline: the hazard grows a little with time."""
_EVENTS = 0.55
"""Share of patients whose death is seen; the baseline's scale follows from it."""
_STUDY_DAYS = (900, 3000)
"""Least and greatest time from surgery to the end of the study."""
_LOSS_DAYS = 9000.0
"""Mean time until a patient is lost, whatever the hazard."""


@dataclass(frozen=True, kw_only=True)
class HazardRatios:
    """What one standard deviation of a planted feature multiplies or, by its sign, divides the hazard by.

    Raises:
        InvalidInput: If one is below 1: the direction is the sign's.
    """

    radiomics: float = 2.2
    clinical: float = 2.2
    expression: float = 2.2

    def __post_init__(self) -> None:
        if min(self.of(modality) for modality in PLANTED) < 1:
            raise InvalidInput(f"Hazard ratios must be 1 or more, found {self}; the sign is of PLANTED.")

    def of(self, modality: str) -> float:
        """By modality."""
        ratio: float = getattr(self, modality)
        return ratio

    def log_hazard(self, latents: Mapping[str, float]) -> float:
        """The logarithm of a patient's hazard over the baseline's, from standardised values by modality."""
        return float(
            sum(PLANTED[name].sign * np.log(self.of(name)) * value for name, value in latents.items())
        )

    @property
    def spread(self) -> float:
        """Standard deviation of `log_hazard` over patients: the planted features are independent."""
        return float(np.sqrt(sum(np.log(self.of(name)) ** 2 for name in PLANTED)))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """When a patient dies, and what is seen of it; whole days from surgery.

    Attributes:
        death_days: When death comes, seen or not.
        censored_days: When the patient is last heard of at the latest.
    """

    death_days: int
    censored_days: int

    @property
    def event(self) -> bool:
        """Whether the death is seen."""
        return self.death_days <= self.censored_days

    @property
    def time_days(self) -> int:
        """What is observed."""
        return min(self.death_days, self.censored_days)


def draw_outcome(rng: np.random.Generator, log_hazard: float, ratios: HazardRatios) -> Outcome:
    """Draw times under a patient's hazard."""
    death = _scale_days(ratios.spread) * (rng.exponential() * np.exp(-log_hazard)) ** (1 / _SHAPE)
    end = min(rng.uniform(*_STUDY_DAYS), rng.exponential(_LOSS_DAYS))
    return Outcome(death_days=max(1, round(float(death))), censored_days=max(1, round(float(end))))


@cache
def _scale_days(spread: float) -> float:
    """The Weibull scale that lets _EVENTS of the deaths be seen, where the log hazard has a spread."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(25)
    ends = np.arange(10.0, _STUDY_DAYS[1], 20.0)
    chance = _chance_of_end(ends)

    def seen(scale: float) -> float:
        alive = np.exp(-np.exp(nodes[:, None] * spread) * (ends / scale) ** _SHAPE)
        return float(((1 - alive) @ chance) @ weights / weights.sum())

    low, high = 1.0, 1e7
    for _ in range(60):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if seen(middle) > _EVENTS else (low, middle)
    return low


def _chance_of_end(ends: Floats) -> Floats:
    """The chance that follow-up ends within 10 days of each of `ends` (days, evenly spaced by 20)."""
    first, last = _STUDY_DAYS

    def still(days: Floats) -> Floats:
        in_study = np.clip((last - days) / (last - first), 0.0, 1.0)
        kept: Floats = in_study * np.exp(-days / _LOSS_DAYS)
        return kept

    return still(ends - 10.0) - still(ends + 10.0)
