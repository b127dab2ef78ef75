"""A patient before anything is written: who it is, the planted values, and the course that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from medgantry.phantoms.nsclc.hazard import LIMIT, PLANTED, HazardRatios, Outcome, draw_outcome
from medgantry.phantoms.nsclc.randomness import generator
from medgantry.phantoms.nsclc.tumor import Tumor, draw_tumor

_AMC_EVERY = 10
"""Every tenth patient is of the collection without segmentations and expression."""
_SEQUENCED = 0.89
"""Share of the other patients with expression: four fifths of all."""
_FIRST_DAY = date(1990, 1, 1)
_CT_DAYS = 6 * 365


@dataclass(frozen=True, kw_only=True, eq=False)
class Patient:
    """A patient and the truth.

    Attributes:
        number: From 1 on.
        latents: By modality, the standardised value of its planted feature.
        log_hazard: Logarithm of the hazard over the baseline's.
        tumor: What the CT shows.
        outcome: When death and the end of follow-up come.
        ct_date: Of the CT, as the table gives it; StudyDate in DICOM.
        surgery_after_days: From the CT to surgery, from which time counts.
        pet_after_days: From the CT to the PET/CT; None for a patient without.
        sequenced: Whether there is an expression column.
    """

    number: int
    latents: Mapping[str, float]
    log_hazard: float
    tumor: Tumor
    outcome: Outcome
    ct_date: date
    surgery_after_days: int
    pet_after_days: int | None
    sequenced: bool

    @property
    def is_amc(self) -> bool:
        """Whether it is of the AMC collection, which has no segmentations."""
        return is_amc(self.number)

    @property
    def case_id(self) -> str:
        """Case ID in the table, PatientID in DICOM, the column of the expression table."""
        earlier_amc = self.number // _AMC_EVERY
        return f"AMC-{earlier_amc:03d}" if self.is_amc else f"R01-{self.number - earlier_amc:03d}"

    @property
    def surgery(self) -> date:
        """The time origin."""
        return self.ct_date + timedelta(days=self.surgery_after_days)

    @property
    def pet_date(self) -> date | None:
        """Of the PET/CT."""
        return None if self.pet_after_days is None else self.ct_date + timedelta(days=self.pet_after_days)


def is_amc(number: int) -> bool:
    """Whether a patient's number is one of the AMC collection's."""
    return number % _AMC_EVERY == 0


def draw_patient(seed: int, number: int, ratios: HazardRatios, *, sequenced: bool | None = None) -> Patient:
    """Draw a patient, who depends on seed, number and hazard ratios alone.

    Args:
        seed: Of the cohort.
        number: From 1 on.
        ratios: How strongly the planted features act.
        sequenced: Whether there is expression; None draws it.
    """
    rng = generator(seed, number, "patient")
    latents = {name: float(np.clip(rng.normal(), -LIMIT, LIMIT)) for name in PLANTED}
    log_hazard = ratios.log_hazard(latents)
    drawn = not is_amc(number) and bool(rng.random() < _SEQUENCED)
    surgery_after = int(np.clip(np.exp(rng.normal(3.4, 0.9)), 1, 150))
    has_pet = not is_amc(number) and bool(rng.random() < 0.95)
    pet_after = int(min(rng.normal(0.0, 20.0), surgery_after - 1))
    return Patient(
        number=number,
        latents=latents,
        log_hazard=log_hazard,
        tumor=draw_tumor(generator(seed, number, "tumor"), latents["radiomics"]),
        outcome=draw_outcome(generator(seed, number, "outcome"), log_hazard, ratios),
        ct_date=_FIRST_DAY + timedelta(days=int(rng.integers(_CT_DAYS))),
        surgery_after_days=surgery_after,
        pet_after_days=pet_after if has_pet else None,
        sequenced=drawn if sequenced is None else sequenced,
    )
