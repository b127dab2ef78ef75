"""A cohort as arrays, without files: for studies of methods that need many cohorts, or large ones.

Patients, courses, clinical values and expression are those of `write_cohort` with the same seed; radiomics are drawn
instead of measured. Columns are arrays with a value per patient: float64 with NaN for missing, or text with None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.phantoms.nsclc.clinical import (
    AGE,
    HISTOLOGY,
    MISSING,
    NOT_APPLICABLE,
    PLEURAL,
    Row,
    clinical_row,
)
from medgantry.phantoms.nsclc.expression import GENES, log_expression
from medgantry.phantoms.nsclc.hazard import PLANTED, HazardRatios
from medgantry.phantoms.nsclc.patient import draw_patient
from medgantry.phantoms.nsclc.radiomics import FEATURES, draw_radiomics
from medgantry.phantoms.nsclc.randomness import generator

NUMBERS = MappingProxyType({"age": AGE, "weight": "Weight (lbs)", "pack_years": "Pack Years"})
"""Clinical columns that are numbers, and what the CSV calls them."""
CATEGORIES = MappingProxyType(
    {
        "gender": "Gender", "ethnicity": "Ethnicity", "smoking": "Smoking status", "ground_glass": "%GG",
        "histology": HISTOLOGY, "t_stage": "Pathological T stage", "n_stage": "Pathological N stage",
        "m_stage": "Pathological M stage", "grade": "Histopathological Grade",
        "lymphovascular_invasion": "Lymphovascular invasion", "pleural_invasion": PLEURAL,
        "egfr": "EGFR mutation status", "kras": "KRAS mutation status", "alk": "ALK translocation status",
    }
)  # fmt: skip
"""Clinical columns that are words, and what the CSV calls them; from histology on they are known after surgery."""

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """A cohort; every array has a value per patient.

    Attributes:
        subjects: Case IDs.
        surgery: The time origin of each.
        sites: Patient affiliation.
        time_days: From surgery to death or the end of follow-up.
        event: Whether it was death.
        columns: By modality (`clinical`, `radiomics`, `expression`), by column. Expression is log2(FPKM + 1).
        planted: By modality, the column that acts on the hazard.
        latents: By modality, its standardised true value.
        log_hazard: Logarithm of the hazard over the baseline's.
    """

    subjects: Sequence[str]
    surgery: Sequence[date]
    sites: Sequence[str]
    time_days: NDArray[np.float64]
    event: NDArray[np.bool_]
    columns: Mapping[str, Columns]
    planted: Mapping[str, str]
    latents: Mapping[str, NDArray[np.float64]]
    log_hazard: NDArray[np.float64]


def make_tables(
    patients: int,
    *,
    seed: int = 0,
    hazard_ratios: HazardRatios | None = None,
    without_radiomics: float = 0.0,
    without_expression: float = 0.0,
) -> Tables:
    """Make a cohort; the same arguments give the same values.

    Args:
        patients: How many.
        seed: A patient depends on the seed and its own number.
        hazard_ratios: Of the planted features; None for the defaults.
        without_radiomics: Share of patients that lack the whole modality, whatever their hazard.
        without_expression: The same.
    """
    ratios = hazard_ratios or HazardRatios()
    drawn = [draw_patient(seed, number, ratios) for number in range(1, patients + 1)]
    rows = [clinical_row(seed, patient) for patient in drawn]
    radiomics = np.array([draw_radiomics(seed, patient) for patient in drawn])
    expression = np.array([log_expression(seed, patient) for patient in drawn])
    for name, values, share in (
        ("radiomics", radiomics, without_radiomics),
        ("expression", expression, without_expression),
    ):
        values[generator(seed, "without", name).random(patients) < share] = np.nan
    return Tables(
        subjects=[patient.case_id for patient in drawn],
        surgery=[patient.surgery for patient in drawn],
        sites=[row["Patient affiliation"] for row in rows],
        time_days=np.array([patient.outcome.time_days for patient in drawn], dtype=np.float64),
        event=np.array([patient.outcome.event for patient in drawn]),
        columns={
            "clinical": _clinical(rows),
            "radiomics": dict(zip(FEATURES, radiomics.T, strict=True)),
            "expression": dict(zip(GENES, expression.T, strict=True)),
        },
        planted={name: PLANTED[name].feature for name in PLANTED} | {"clinical": "age"},
        latents={name: np.array([patient.latents[name] for patient in drawn]) for name in PLANTED},
        log_hazard=np.array([patient.log_hazard for patient in drawn]),
    )


def _clinical(rows: Sequence[Row]) -> Columns:
    """Columns of the clinical rows: numbers as numbers, missing as missing."""
    numbers = {
        name: np.array([_number(row, source) for row in rows], dtype=np.float64)
        for name, source in NUMBERS.items()
    }
    words = {
        name: np.array([None if row[source] in MISSING else row[source] for row in rows], dtype=object)
        for name, source in CATEGORIES.items()
    }
    return {**numbers, **words}


def _number(row: Row, column: str) -> float:
    """A cell's number; pack-years of a nonsmoker are 0, and not missing."""
    if row[column] == NOT_APPLICABLE:
        return 0.0
    return np.nan if row[column] in MISSING else float(row[column])
