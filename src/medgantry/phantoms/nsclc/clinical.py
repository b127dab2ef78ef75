"""The clinical table with the columns and the quirks of NSCLC Radiogenomics; every value is invented.

Quirks kept: `Histology ` ends in a blank; missing is spelled in five ways; ages are whole numbers, decimals and words;
pack-years of nonsmokers are N/A; dates are M/D/YYYY; `Time to Death (days)` counts from surgery to the date last known
alive, which may lie before the date of death, and is N/A for the living.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from medgantry.phantoms.nsclc.patient import Patient
from medgantry.phantoms.nsclc.randomness import generator

AGE = "Age at Histological Diagnosis"
HISTOLOGY = "Histology "
PLEURAL = "Pleural invasion (elastic, visceral, or parietal)"
LOBES = ("RUL", "RML", "RLL", "LUL", "LLL", "L Lingula", "Unknown")

COLUMNS = (
    "Case ID", "Patient affiliation", AGE, "Weight (lbs)", "Gender", "Ethnicity", "Smoking status", "Pack Years",
    "Quit Smoking Year", "%GG", *(f"Tumor Location (choice={lobe})" for lobe in LOBES), HISTOLOGY,
    "Pathological T stage", "Pathological N stage", "Pathological M stage", "Histopathological Grade",
    "Lymphovascular invasion", PLEURAL, "EGFR mutation status", "KRAS mutation status",
    "ALK translocation status", "Adjuvant Treatment", "Chemotherapy", "Radiation", "Recurrence",
    "Recurrence Location", "Date of Recurrence", "Date of Last Known Alive", "Survival Status", "Date of Death",
    "Time to Death (days)", "CT Date", "Days between CT and surgery", "PET Date",
)  # fmt: skip
"""The forty, in their order."""

MISSING = ("Not Collected", "Not collected", "Not Assessed", "Not Recorded In Database", "Unknown")
"""Spellings of a value that nobody knows; N/A is one that does not apply."""
NOT_APPLICABLE = "N/A"
_NOT_COLLECTED = "Not Collected"

_MEAN_AGE, _AGE_SPREAD, _OLDEST = 68.0, 8.0, 89.0
_T_STAGES = ((20.0, "T1a"), (30.0, "T1b"), (50.0, "T2a"), (70.0, "T2b"))
"""Largest diameter in millimetres of each."""
_GRADES = {
    "G1 Well differentiated": 0.15, "G2 Moderately differentiated": 0.45, "G3 Poorly differentiated": 0.2,
    "Other, Type I: Well to moderately differentiated": 0.08,
    "Other, Type II: Moderately to poorly differentiated": 0.12,
}  # fmt: skip
_OF_SURGERY = (
    "Pathological T stage", "Pathological N stage", "Pathological M stage", "Histopathological Grade",
    "Lymphovascular invasion",
)  # fmt: skip

Row = dict[str, str]


def clinical_row(seed: int, patient: Patient) -> Row:
    """Return a patient's row; its outcome is the patient's."""
    rng = generator(seed, patient.number, "clinical")
    row = _person(rng, patient) | _tumor(rng, patient) | _pathology(rng, patient)
    row |= _course(rng, patient, advanced=row["Pathological N stage"] in ("N1", "N2"))
    return {name: row[name] for name in COLUMNS}


def without_follow_up(row: Mapping[str, str]) -> Row:
    """Return the row of somebody of whom nothing was heard after surgery."""
    unknown = {"Date of Last Known Alive": _NOT_COLLECTED, "Survival Status": "Alive"}
    return dict(row) | unknown | dict.fromkeys(("Date of Death", "Time to Death (days)"), NOT_APPLICABLE)


def write_clinical(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the table, by Case ID."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["Case ID"]))


def age_of(patient: Patient) -> float:
    """Age in years to a tenth; it carries the clinical planted value."""
    return min(round(_MEAN_AGE + _AGE_SPREAD * patient.latents["clinical"], 1), _OLDEST)


def _person(rng: np.random.Generator, patient: Patient) -> Row:
    amc = patient.is_amc
    male = bool(rng.random() < (0.33 if amc else 0.77))
    age = age_of(patient)
    ages = (f"{age:.0f}", f"{age}", _NOT_COLLECTED)
    smoking = _pick(rng, {"Former": 0.62, "Current": 0.2, "Nonsmoker": 0.18})
    weight_lbs = rng.normal(190.0 if male else 145.0, 28.0)
    weights = (f"{weight_lbs:.0f}", f"{weight_lbs:.3f}", _NOT_COLLECTED)
    years = {"Nonsmoker": NOT_APPLICABLE, "Former": str(1 + int(rng.gamma(2.0, 18.0)))}
    pack_years = years.get(smoking, str(5 + int(rng.gamma(2.5, 18.0))))
    quit_year = str(patient.ct_date.year - int(rng.integers(1, 35)))
    races = {"Caucasian": 0.8, "Asian": 0.12, "African-American": 0.04, "Hispanic/Latino": 0.04}
    return {
        "Case ID": patient.case_id,
        "Patient affiliation": "Stanford" if amc else _pick(rng, {"VA": 0.6, "Stanford": 0.4}),
        AGE: str(rng.choice(ages, p=[0.93, 0.05, 0.02])),
        "Weight (lbs)": _NOT_COLLECTED if amc else str(rng.choice(weights, p=[0.45, 0.4, 0.15])),
        "Gender": "Male" if male else "Female",
        "Ethnicity": "Not Recorded In Database" if amc else _pick(rng, races),
        "Smoking status": smoking,
        "Pack Years": _NOT_COLLECTED if smoking != "Nonsmoker" and rng.random() < 0.04 else pack_years,
        "Quit Smoking Year": quit_year if smoking == "Former" and rng.random() < 0.55 else NOT_APPLICABLE,
    }


def _tumor(rng: np.random.Generator, patient: Patient) -> Row:
    ground_glass = {
        "0%": 0.72, ">0 - 25%": 0.1, "25 - 50%": 0.05, "50 - 75%": 0.06, "75 - < 100%": 0.04, "100%": 0.03,
    }  # fmt: skip
    chances = (0.33, 0.06, 0.16, 0.23, 0.16, 0.05, 0.01)
    lobe = _pick(rng, dict(zip(LOBES, chances, strict=True)))
    histology = {
        "Adenocarcinoma": 0.82, "Squamous cell carcinoma": 0.16, "NSCLC NOS (not otherwise specified)": 0.02,
    }  # fmt: skip
    return {
        "%GG": "Not Assessed" if patient.is_amc else _pick(rng, ground_glass),
        **{f"Tumor Location (choice={name})": "Checked" if name == lobe else "Unchecked" for name in LOBES},
        HISTOLOGY: _pick(rng, histology),
    }


def _pathology(rng: np.random.Generator, patient: Patient) -> Row:
    longest = patient.tumor.longest_mm
    mutated = {"Wildtype": 0.74, "Mutant": 0.18, "Unknown": 0.04, "Not collected": 0.04}
    row = {
        "Pathological T stage": next((name for most, name in _T_STAGES if longest <= most), "T3"),
        "Pathological N stage": _pick(rng, {"N0": 0.76, "N1": 0.1, "N2": 0.14}),
        "Pathological M stage": _pick(rng, {"M0": 0.95, "M1a": 0.02, "M1b": 0.03}),
        "Histopathological Grade": _pick(rng, _GRADES),
        "Lymphovascular invasion": _pick(rng, {"Absent": 0.82, "Present": 0.14, _NOT_COLLECTED: 0.04}),
        PLEURAL: _pick(rng, {"No": 0.76, "Yes": 0.24}),
        "EGFR mutation status": _pick(rng, mutated),
        "KRAS mutation status": _pick(rng, mutated),
        "ALK translocation status": _pick(
            rng, {"Wildtype": 0.87, "Translocated": 0.05, "Unknown": 0.04, "Not collected": 0.04}
        ),
    }
    if patient.is_amc:
        row |= dict.fromkeys(_OF_SURGERY, _NOT_COLLECTED) | {PLEURAL: "Not collected"}
    return row


def _course(rng: np.random.Generator, patient: Patient, *, advanced: bool) -> Row:
    """What came after surgery: it follows from stage and outcome, so that no model may see it."""
    outcome, surgery = patient.outcome, patient.surgery
    last = outcome.time_days
    if outcome.event and rng.random() < 0.45:
        last -= min(int(rng.exponential(120.0)), last - 1)
    recurred = bool(rng.random() < (0.55 if outcome.event else 0.12))
    treated = bool(rng.random() < 0.15 + 0.45 * advanced + 0.2 * recurred)
    radiated = treated and bool(rng.random() < 0.4)
    where = {"distant": 0.65, "regional": 0.2, "local": 0.15}
    recurrence = surgery + timedelta(days=int(rng.integers(0, last)))
    died = surgery + timedelta(days=outcome.death_days)
    return {
        "Adjuvant Treatment": _yes(treated),
        "Chemotherapy": _yes(treated),
        "Radiation": _yes(radiated),
        "Recurrence": _yes(recurred).lower(),
        "Recurrence Location": _pick(rng, where) if recurred else NOT_APPLICABLE,
        "Date of Recurrence": _written(recurrence) if recurred else NOT_APPLICABLE,
        "Date of Last Known Alive": _written(surgery + timedelta(days=last)),
        "Survival Status": "Dead" if outcome.event else "Alive",
        "Date of Death": _written(died) if outcome.event else NOT_APPLICABLE,
        "Time to Death (days)": str(last) if outcome.event else NOT_APPLICABLE,
        "CT Date": _written(patient.ct_date),
        "Days between CT and surgery": str(patient.surgery_after_days),
        "PET Date": _written(patient.pet_date) if patient.pet_date else _NOT_COLLECTED,
    }


def _pick(rng: np.random.Generator, chances: Mapping[str, float]) -> str:
    return str(rng.choice(list(chances), p=list(chances.values())))


def _yes(value: bool) -> str:
    return "Yes" if value else "No"


def _written(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"
