"""Writing a cohort: images, clinical table, expression table, and the truth about all of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medgantry.phantoms.nsclc import damage as ways
from medgantry.phantoms.nsclc.clinical import Row, clinical_row, without_follow_up, write_clinical
from medgantry.phantoms.nsclc.damage import DAMAGES, Damage
from medgantry.phantoms.nsclc.expression import Values, log_expression, write_expression
from medgantry.phantoms.nsclc.hazard import PLANTED, HazardRatios
from medgantry.phantoms.nsclc.images import make_images, write_images
from medgantry.phantoms.nsclc.patient import Patient, draw_patient
from medgantry.phantoms.nsclc.randomness import generator
from medgantry.phantoms.nsclc.settings import Settings
from medgantry.phantoms.written import is_written, write_settings

DICOM, CLINICAL, EXPRESSION = "dicom", "clinical.csv", "expression.tsv"

TRUTH = "truth.json"
"""Written last."""


def write_cohort(
    folder: Path,
    *,
    patients: int = 120,
    damaged: int = 5,
    seed: int = 0,
    hazard_ratios: HazardRatios | None = None,
) -> dict[str, Any]:
    """Write a cohort; files are left as they are when the folder already holds it.

    dicom/<Case ID>/<study>/<series>/*.dcm   CT, segmentation of the tumour, some other CT
    clinical.csv                             the forty columns of NSCLC Radiogenomics
    expression.tsv                           FPKM in the layout of GSE103584
    truth.json                               what was planted, and what should become of each patient

    Args:
        folder: Made when it does not exist.
        patients: Number of patients, the damaged ones included.
        damaged: How many at the end of the list are damaged, cycling over DAMAGES; never one of the AMC collection,
            which has nothing to lose but its clinical row.
        seed: A patient depends on the seed and its own number, not on how many there are.
        hazard_ratios: Of the planted features; None for the defaults.

    Returns:
        What truth.json holds, also when nothing had to be written: settings, planted features by modality, how many
        deaths are seen, and for each of `patients` the latent values, log hazard, times in days from surgery, volume
        of the tumour as segmented, damage, and the modalities that a correct pipeline ends with.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: The folder holds something else.
    """
    settings = Settings(
        patients=patients, damaged=damaged, seed=seed, hazard_ratios=hazard_ratios or HazardRatios()
    )
    if not is_written(folder, settings.document(), folder / TRUTH):
        write_settings(folder, settings.document())
        _write(folder, settings)
    truth: dict[str, Any] = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    return truth


@dataclass(frozen=True, kw_only=True, eq=False)
class _Case:
    """A patient with its tables' share and its fate."""

    patient: Patient
    damage: Damage | None
    row: Row
    expression: Sequence[Values]
    volume_ml: float | None

    def told(self) -> dict[str, Any]:
        """What truth.json says."""
        patient, outcome = self.patient, self.patient.outcome
        return {
            "case_id": patient.case_id,
            "latents": patient.latents,
            "log_hazard": patient.log_hazard,
            "death_days": outcome.death_days,
            "censored_days": outcome.censored_days,
            "time_days": outcome.time_days,
            "event": outcome.event,
            "ct_date": patient.ct_date.isoformat(),
            "surgery": patient.surgery.isoformat(),
            "tumor_ml": self.volume_ml,
            "damage": asdict(self.damage) if self.damage else None,
            "expected": self._expected(),
        }

    def _expected(self) -> list[str]:
        """Modalities that a correct pipeline ends with; none for a patient that is lost."""
        loses = self.damage.loses if self.damage else None
        has = {
            "clinical": True,
            "radiomics": not self.patient.is_amc,
            "expression": self.patient.sequenced,
        }
        return [name for name, there in has.items() if there and loses not in (name, ways.PATIENT)]


def _write(folder: Path, settings: Settings) -> None:
    damages = _damages(settings)
    cases = [
        _case(folder, settings, number, damages.get(number)) for number in range(1, settings.patients + 1)
    ]
    listed = [case.row for case in cases if case.damage is not ways.NO_CLINICAL_ROW]
    write_clinical(folder / CLINICAL, listed)
    columns = [(case.patient.case_id, values) for case in cases for values in case.expression]
    order = generator(settings.seed, "columns").permutation(len(columns))
    write_expression(folder / EXPRESSION, [columns[place] for place in order])
    truth = {
        "settings": settings.document(),
        "planted": {
            name: {**asdict(planted), "hazard_ratio": settings.hazard_ratios.of(name)}
            for name, planted in PLANTED.items()
        },
        "events": sum(case.patient.outcome.event for case in cases),
        "patients": [case.told() for case in cases],
    }
    (folder / TRUTH).write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def _damages(settings: Settings) -> dict[int, Damage]:
    """Which numbers are damaged, and how: the last that have something to lose."""
    numbers = settings.damageable
    chosen = numbers[len(numbers) - settings.damaged :]
    return {number: DAMAGES[place % len(DAMAGES)] for place, number in enumerate(chosen)}


def _case(folder: Path, settings: Settings, number: int, damage: Damage | None) -> _Case:
    """Make a patient and write the images."""
    seed = settings.seed
    patient = draw_patient(seed, number, settings.hazard_ratios, sequenced=True if damage else None)
    row = clinical_row(seed, patient)
    volume_ml = None
    if damage is not ways.NO_IMAGES:
        images = make_images(seed, patient, row, damage)
        write_images(images, folder / DICOM / patient.case_id, seed=seed)
        volume_ml = images.volume_ml
    if damage is ways.NO_FOLLOW_UP:
        row = without_follow_up(row)
    return _Case(
        patient=patient, damage=damage, row=row, volume_ml=volume_ml,
        expression=_expression(seed, patient, damage) if patient.sequenced else (),
    )  # fmt: skip


def _expression(seed: int, patient: Patient, damage: Damage | None) -> Sequence[Values]:
    """Return the patient's columns: one, of a damaged patient perhaps two."""
    values = log_expression(seed, patient)
    if damage is ways.NO_EXPRESSION_VALUES:
        return (np.full_like(values, np.nan),)
    if damage is ways.EXPRESSION_TWICE:
        return (values, np.flip(values))
    return (values,)
