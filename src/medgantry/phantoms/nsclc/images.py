"""The DICOM files of a patient: a chest CT with a segmentation of the tumour, and for some a PET/CT's CT besides.

Folders are named as the NBIA data retriever names them. Segmentations come from three writers, as in the real
collection; each is sound, and a reader must cope with its habits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from medgantry.phantoms.dicom.headers import code
from medgantry.phantoms.dicom.segmentation import SegmentationSpec, make_segmentation
from medgantry.phantoms.dicom.series import Mask, Series, make_series, write_datasets
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.phantoms.nsclc import damage as ways
from medgantry.phantoms.nsclc.clinical import Row, age_of
from medgantry.phantoms.nsclc.damage import Damage
from medgantry.phantoms.nsclc.patient import Patient
from medgantry.phantoms.nsclc.randomness import generator
from medgantry.phantoms.nsclc.tumor import Chest, make_chest

LABEL = "Tumor"
"""SegmentLabel; its type is coded as a neoplasm besides."""

_FEW = 5
_SECOND_STUDY_EVERY = 3


@dataclass(frozen=True)
class _Writer:
    description: str
    spec: SegmentationSpec


_WRITERS = (
    _Writer("3D Slicer segmentation result", SegmentationSpec(omit_empty=False, duplicated_instance=True)),
    _Writer("ePAD Generated DSO", SegmentationSpec(cropped=True, without=("FrameContentSequence",))),
    _Writer("Segmentation", SegmentationSpec(frames="reversed", numbers=(2,), orientation_in="per-frame")),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """What is to be written of a patient, and the truth.

    Attributes:
        series: The CT, before any damage.
        mask: (slice along the normal, row, column) where its tumour is, as a segmentation would hold it.
        objects: Folder below the patient's -> data sets in it.
        cut_off: SOPInstanceUID of the file that is to be cut off, or empty.
    """

    series: Series
    mask: Mask
    objects: dict[str, list[Dataset]]
    cut_off: str = ""

    @property
    def volume_ml(self) -> float:
        """The mask's volume."""
        return float(self.mask.sum() * abs(np.linalg.det(self.series.affine[:3, :3])) / 1000)


def make_images(seed: int, patient: Patient, row: Row, damage: Damage | None) -> Images:
    """Make a patient's images.

    Args:
        seed: Of the cohort.
        patient: Who, and with what tumour.
        row: The patient's clinical row, for what headers repeat.
        damage: What is wrong, if anything.
    """
    spec, chest = place_tumor(seed, patient)
    series = make_series(spec, chest)
    mask = chest.holds_tumor(spec.points_mm)
    if damage is ways.FEW_VOXELS:
        mask = _smallest(series, mask)
    if damage is ways.NO_VOXEL:
        mask = np.zeros_like(mask)
    slices, within = list(series.datasets), _middle_slice(mask)
    if damage is ways.SLICE_MISSING:
        del slices[within]
    objects = {_folder(series.spec): slices}
    if not patient.is_amc and damage is not ways.NO_SEGMENTATION:
        segmentation = _segmentation(series, mask, patient.number, damage)
        objects[_folder(series.spec, segmentation)] = [segmentation]
    if patient.number % _SECOND_STUDY_EVERY == 0 and patient.pet_date:
        other = _pet_study_ct(series.spec, patient.pet_date)
        objects[_folder(other.spec)] = other.datasets
    for datasets in objects.values():
        for dataset in datasets:
            _sign(dataset, patient, row)
    cut_off = str(slices[within].SOPInstanceUID) if damage is ways.FILE_CUT_OFF else ""
    return Images(series=series, mask=mask, objects=objects, cut_off=cut_off)


def write_images(images: Images, folder: Path, *, seed: int) -> None:
    """Write a patient's files below the patient's folder."""
    for name, datasets in images.objects.items():
        files = write_datasets(datasets, folder / name, seed=seed)
        for dataset, file in zip(datasets, files, strict=True):
            if dataset.SOPInstanceUID == images.cut_off:
                data = file.read_bytes()
                file.write_bytes(data[: len(data) - dataset.Rows * dataset.Columns])


def place_tumor(seed: int, patient: Patient) -> tuple[SeriesSpec, Chest]:
    """Draw how the CT is sampled, and put the tumour into its middle."""
    rng = generator(seed, patient.number, "ct")
    spacing = float(rng.choice([1.0, 1.05, 1.1]))
    thickness = float(rng.choice([2.5, 3.0]))
    spec = SeriesSpec(
        seed=seed, patient_id=patient.case_id, patient_name=patient.case_id,
        slices=28 if thickness == 2.5 else 24, rows=64, columns=64, pixel_spacing_mm=(spacing, spacing),
        slice_spacing_mm=thickness, slice_thickness_mm=thickness, study_date=f"{patient.ct_date:%Y%m%d}",
        study_description="CT CHEST", series_description=f"Thorax {thickness} B45f", kernel="B45f",
        bottom_up=bool(rng.integers(2)), origin_mm=tuple(rng.uniform(-200.0, 0.0, size=3).round(2).tolist()),
    )  # fmt: skip
    return spec, make_chest(rng, spec, patient.tumor)


def _pet_study_ct(spec: SeriesSpec, day: date) -> Series:
    """Return the CT of another study, of another day: it has nothing to do with the segmentation."""
    return make_series(
        replace(
            spec, study=2, study_date=f"{day:%Y%m%d}", study_description="PET/CT LUNG CANCER",
            series_number=2, series_description="CT Images", kernel="STANDARD", slices=8, rows=32, columns=32,
            slice_spacing_mm=3.27, slice_thickness_mm=3.75, pixel_spacing_mm=(2.0, 2.0),
        )
    )  # fmt: skip


def _segmentation(series: Series, mask: Mask, number: int, damage: Damage | None) -> Dataset:
    """Return the tumour's segmentation as one of the writers makes it."""
    writer = _WRITERS[number % len(_WRITERS)]
    spec = replace(writer.spec, other_frame_of_reference=damage is ways.OTHER_FRAME)
    if damage is ways.NO_VOXEL:
        spec = replace(spec, omit_empty=False)
    if damage is ways.OTHER_SERIES:
        series = make_series(replace(series.spec, series_number=9), series.body)
    made = make_segmentation(series, {LABEL: mask}, spec).dataset
    made.SeriesDescription = writer.description
    (segment,) = made.SegmentSequence
    segment.SegmentedPropertyCategoryCodeSequence = [
        code("49755003", "SCT", "Morphologically Abnormal Structure")
    ]
    segment.SegmentedPropertyTypeCodeSequence = [code("108369006", "SCT", "Neoplasm")]
    return made


def _smallest(series: Series, mask: Mask) -> Mask:
    """Return the few voxels of a mask that are next to its middle."""
    places = np.argwhere(mask)
    spacing_mm = np.linalg.norm(series.affine[:3, :3], axis=0)
    distance_mm = np.linalg.norm((places - places.mean(axis=0)) * spacing_mm, axis=1)
    few = np.zeros_like(mask)
    few[tuple(places[np.argsort(distance_mm, kind="stable")[:_FEW]].T)] = True
    return few


def _middle_slice(mask: Mask) -> int:
    """Return the slice in the middle of a mask; of an empty one, the volume's."""
    slices: Sequence[int] = np.flatnonzero(mask.any(axis=(1, 2))).tolist() or range(len(mask))
    return slices[len(slices) // 2]


def _sign(dataset: Dataset, patient: Patient, row: Row) -> None:
    """Give a data set its patient."""
    dataset.PatientName = dataset.PatientID = patient.case_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = row["Gender"][0]
    dataset.PatientAge = f"{int(age_of(patient)):03d}Y"
    dataset.PatientWeight = None


def _folder(spec: SeriesSpec, dataset: Dataset | None = None) -> str:
    """Return the folder of a series below the patient's: study, then series."""
    day = date.fromisoformat(spec.study_date)
    study = f"{day:%m-%d-%Y}-NA-{spec.study_description.replace('/', '')}-{spec.study_uid[-5:]}"
    number, description, uid = spec.series_number, spec.series_description, str(spec.series_uid)
    if dataset is not None:
        number, description = int(dataset.SeriesNumber), str(dataset.SeriesDescription)
        uid = str(dataset.SeriesInstanceUID)
    return f"{study}/{number}.000000-{description}-{uid[-5:]}"
