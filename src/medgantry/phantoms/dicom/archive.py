"""A small archive as a hospital exports it: series to choose from, labels of two kinds, and broken patients."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from medgantry.errors import InvalidInput
from medgantry.phantoms.dicom.anatomy import Ellipsoid
from medgantry.phantoms.dicom.dirty import DIRTY
from medgantry.phantoms.dicom.dirty.composition import make_localizer
from medgantry.phantoms.dicom.identity import Identity, Planted, make_identity, plant
from medgantry.phantoms.dicom.segmentation import example_masks, make_segmentation
from medgantry.phantoms.dicom.series import Mask, Series, make_series, write_datasets
from medgantry.phantoms.dicom.spec import CORONAL, SeriesSpec
from medgantry.phantoms.dicom.structures import make_structures
from medgantry.phantoms.written import is_written, write_settings

DAMAGES = (
    "one slice missing", "gantry tilt", "conflicting duplicate", "variable spacing", "pixel data truncated",
    "two acquisitions", "rescaling missing in one slice", "two frames of reference",
)  # fmt: skip
"""Keys of DIRTY: what is wrong with the CT of the broken patients, in turn."""

_FORMAT = 1  # raise it when the same settings no longer give the same bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class ArchivePatient:
    """A patient of the archive and the truth.

    Attributes:
        patient_id: PatientID.
        damage: One of DAMAGES, or None for a sound patient.
        label: Modality of the object that holds the lesion.
        series: The CT series to be chosen, with its truth; of a broken patient: before it was broken.
        lesion: Its mask (slice along the normal, row, column).
        planted: What --identified put into the files; empty without it.
        files: All files of the patient.
    """

    patient_id: str
    damage: str | None
    label: str
    series: Series
    lesion: Mask
    planted: tuple[Planted, ...]
    files: tuple[Path, ...]


def write_archive(
    folder: Path, *, patients: int = 6, broken: int = 0, seed: int = 0, identified: bool = False
) -> tuple[ArchivePatient, ...]:
    """Write an archive; files are left as they are when the folder already holds it.

    Args:
        folder: Made when it does not exist.
        patients: Number of patients, the broken ones included.
        broken: How many patients at the end of the list have a CT that cannot be trusted, cycling over DAMAGES.
        seed: A patient depends on the seed and its own number, not on how many there are.
        identified: Plant invented people's data everywhere, also in the names of folders.

    Returns:
        The patients with the truth, also when nothing had to be written.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: The folder holds something else.
    """
    if patients < 1 or not 0 <= broken <= patients or seed < 0:
        raise InvalidInput(
            "Wanted at least one patient, 0 <= broken <= patients and a seed of 0 or more, found"
            f" patients={patients}, broken={broken}, seed={seed}."
        )
    settings = {
        "phantom": "dicom", "format": _FORMAT,
        "patients": patients, "broken": broken, "seed": seed, "identified": identified,
    }  # fmt: skip
    last = _label_folder(folder, patients, *_name(seed, patients, identified=identified)) / "1-01.dcm"
    written = is_written(folder, settings, last)
    if not written:
        write_settings(folder, settings)
    made = []
    for number in range(1, patients + 1):
        position = number - (patients - broken) - 1
        damage = DAMAGES[position % len(DAMAGES)] if position >= 0 else None
        made.append(_patient(folder, seed, number, damage, identified=identified, write=not written))
    return tuple(made)


def _name(seed: int, number: int, *, identified: bool) -> tuple[str, Identity | None]:
    """PatientID of a patient, and who is invented for it."""
    person = make_identity(seed, number) if identified else None
    return person.patient_id if person else f"PHANTOM-{number:04d}", person


def _label(number: int) -> str:
    """Modality of a patient's label."""
    return "RTSTRUCT" if number % 3 == 0 else "SEG"


def _label_folder(folder: Path, number: int, patient_id: str, person: Identity | None) -> Path:
    """Where the one file of a patient's label lies, which is written last of the patient's."""
    place = f"{person.family.upper()}^{person.given}_{patient_id}" if person else patient_id
    return folder / place / "study-1" / _label(number).lower()


def _patient(
    folder: Path, seed: int, number: int, damage: str | None, *, identified: bool, write: bool
) -> ArchivePatient:
    """Make a patient and write the files, unless they are there."""
    patient_id, person = _name(seed, number, identified=identified)
    label = _label(number)
    spec = _spec(seed, number, patient_id)
    if damage is not None:
        # The cases of DIRTY have a size of their own; the seed alone tells their UIDs apart.
        spec = SeriesSpec(seed=1000 * (seed + 1) + number)
    series = make_series(spec)
    lesion = series.lesion_masks[0] if spec.lesions else example_masks(series)["Mass"]
    chosen = series.datasets if damage is None else DIRTY[damage](spec.seed).datasets
    objects = {"ct": chosen, **_distractors(series), label.lower(): [_label_object(series, lesion, label)]}
    study = _label_folder(folder, number, patient_id, person).parent
    planted: list[Planted] = []
    files: list[Path] = []
    for name, datasets in objects.items():
        for dataset in datasets:
            planted += _sign(dataset, patient_id, person)
        if write:
            files += write_datasets(datasets, study / name, seed=spec.seed)
        else:
            files += sorted((study / name).iterdir())
    return ArchivePatient(
        patient_id=patient_id, damage=damage, label=label, series=series, lesion=lesion,
        planted=tuple(planted), files=tuple(files),
    )  # fmt: skip


def _spec(seed: int, number: int, patient_id: str) -> SeriesSpec:
    """Draw what a sound patient's CT is like."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, number))))
    lesion = Ellipsoid(
        centre=tuple(rng.uniform(-0.35, 0.35, size=3).round(3).tolist()),
        radii=tuple(rng.uniform((0.25, 0.16, 0.16), (0.4, 0.3, 0.3)).round(3).tolist()),
        contrast=float(rng.integers(120, 220)),
    )
    spacing = float(rng.choice([0.7, 0.8, 0.9]))
    return SeriesSpec(
        seed=seed, patient_id=patient_id,
        slices=24, rows=64, columns=64, pixel_spacing_mm=(spacing, spacing),
        slice_spacing_mm=float(rng.choice([2.0, 2.5, 3.0])), lesions=(lesion,),
        study_date=f"2020{1 + number % 12:02d}15", bottom_up=bool(rng.integers(2)),
    )  # fmt: skip


def _distractors(series: Series) -> dict[str, list[Dataset]]:
    """Return series of the same study that nobody should choose."""
    spec = series.spec
    localizer = make_localizer(replace(spec, series_number=1, series_description="LOCALIZER", lesions=()))
    sharp = replace(spec, series_number=3, series_description="AXIAL 2.0 LUNG", kernel="B70f")
    top = spec.affine @ [spec.slices - 1, 0, 0, 1]
    reformatted = replace(
        spec, series_number=4, series_description="COR MPR", image_type=("DERIVED", "SECONDARY", "MPR"),
        orientation=CORONAL, slices=16, rows=24, slice_spacing_mm=spec.rows * spec.pixel_spacing_mm[0] / 16,
        pixel_spacing_mm=(spec.slice_spacing_mm, spec.pixel_spacing_mm[1]),
        origin_mm=(float(top[0]), float(top[1]), float(top[2])),
    )  # fmt: skip
    return {
        "localizer": [localizer],
        "lung": make_series(sharp, series.body).datasets,
        "mpr": make_series(reformatted, series.body).datasets,
    }


def _label_object(series: Series, lesion: Mask, label: str) -> Dataset:
    """Return the object that holds the lesion."""
    if label == "SEG":
        return make_segmentation(series, {"Lesion": lesion}).dataset
    body = series.body.values(series.spec.points_mm) > -500.0
    return make_structures(series, [("BODY", body), ("GTV-1", lesion)]).dataset


def _sign(dataset: Dataset, patient_id: str, person: Identity | None) -> list[Planted]:
    """Give a data set its patient; return what was planted."""
    dataset.PatientID = patient_id
    if person is None:
        dataset.PatientName = patient_id.replace("-", "^").title()
        return []
    text = str(dataset.StudyDate)
    return plant(dataset, person, study_date=date(int(text[:4]), int(text[4:6]), int(text[6:])))
