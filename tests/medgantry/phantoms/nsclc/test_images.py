"""The DICOM files, read by our own readers: sound tumours are as planted, damaged ones are refused for the reason told."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread

from medgantry.dicom.header import read_header
from medgantry.dicom.series import Series
from medgantry.dicom.volume import Volume, read_volume
from medgantry.ingest.dicom.labels import Labels, MaskObject, paint_labels, read_masks, refers_to
from medgantry.ledger import Unusable
from medgantry.phantoms.nsclc.hazard import PLANTED, HazardRatios
from medgantry.phantoms.nsclc.images import place_tumor
from medgantry.phantoms.nsclc.patient import draw_patient

Truth = dict[str, Any]


def files_of(folder: Path) -> tuple[dict[str, list[Path]], list[MaskObject]]:
    """CT files by series, and the segmentations."""
    slices, masks = defaultdict(list), []
    for path in sorted(folder.rglob("*.dcm")):
        header = read_header(path)
        if header.text("Modality") == "SEG":
            masks.append(read_masks(path, "SEG", path.parent.name))
        else:
            slices[header.text("SeriesInstanceUID")].append(path)
    return slices, masks


def read(folder: Path) -> tuple[Volume, Labels]:
    """The series that a segmentation refers to, with the tumour.

    Raises:
        Unusable: If no segmentation refers to one, or something does not hold.
    """
    series, masks = files_of(folder)
    for uid, paths in series.items():
        headers = [read_header(path) for path in paths]
        instances = frozenset(header.text("SOPInstanceUID") for header in headers)
        mine = [mask for mask in masks if refers_to(mask, uid, instances)]
        if mine:
            (stack,) = Series(headers=headers).stacks()
            volume = read_volume(stack, modality="CT", repairs=())
            labels = paint_labels(mine, volume, {"tumor": "tumou?r|neoplasm"})
            assert labels is not None
            return volume, labels
    raise Unusable("a segmentation refers to a series", "none does", "")


def told_of(truth: Truth) -> dict[str | None, Truth]:
    return {(one["damage"] or {}).get("name"): one for one in truth["patients"]}


@pytest.mark.parametrize(
    "damage",
    [None, "no follow-up", "expression all missing", "not in the clinical table", "expression listed twice"],
)
def test_a_sound_tumour_has_the_planted_volume(damage: str | None, cohort: tuple[Path, Truth]) -> None:
    folder, truth = cohort
    told = truth["patients"][0] if damage is None else told_of(truth)[damage]
    volume, labels = read(folder / "dicom" / told["case_id"])
    read_ml = labels.codes.sum() * np.prod(volume.grid.spacing_mm) / 1000
    assert read_ml == pytest.approx(told["tumor_ml"], rel=1e-4)
    assert 1 < told["tumor_ml"] < 15
    # Tumour is brighter than the lung around it: the mask lies where the tumour is.
    assert volume.voxels[labels.codes > 0].mean() > volume.voxels[labels.codes == 0].mean() + 200


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("slice missing in the tumour", "no slice is missing"),
        ("segmentation in another frame of reference", "frame of reference"),
        ("file cut off", "pixel data are complete"),
        ("no segmentation", "refers to a series"),
        ("segmentation of another series", "refers to a series"),
    ],
)
def test_damaged_images_are_refused(damage: str, rule: str, cohort: tuple[Path, Truth]) -> None:
    folder, truth = cohort
    with pytest.raises(Unusable, match=rule):
        read(folder / "dicom" / told_of(truth)[damage]["case_id"])


@pytest.mark.parametrize(
    ("damage", "voxels"), [("tumour of a few voxels", 5), ("segmentation without a voxel", 0)]
)
def test_tumours_too_small_to_measure_are_read(damage: str, voxels: int, cohort: tuple[Path, Truth]) -> None:
    folder, truth = cohort
    _, labels = read(folder / "dicom" / told_of(truth)[damage]["case_id"])
    assert (labels.codes > 0).sum() == voxels


def test_headers_agree_with_the_clinical_table(cohort: tuple[Path, Truth]) -> None:
    folder, truth = cohort
    dates = {one["case_id"]: one["ct_date"].replace("-", "") for one in truth["patients"]}
    writers = set()
    for patient in (folder / "dicom").iterdir():
        headers = [dcmread(path, stop_before_pixels=True) for path in patient.rglob("*.dcm")]
        assert {header.PatientID for header in headers} == {patient.name}
        chest = [header for header in headers if header.StudyDescription == "CT CHEST"]
        assert {header.StudyDate for header in chest} == {dates[patient.name]}
        assert len({header.StudyInstanceUID for header in headers}) <= 2
        assert len({header.SOPInstanceUID for header in headers}) == len(headers)
        segmentations = [header for header in headers if header.Modality == "SEG"]
        assert not (patient.name.startswith("AMC") and segmentations)
        writers |= {header.SeriesDescription for header in segmentations}
    assert writers == {"3D Slicer segmentation result", "ePAD Generated DSO", "Segmentation"}


def test_pyradiomics_measures_the_planted_value() -> None:
    shape = pytest.importorskip("radiomics.shape")
    feature = PLANTED["radiomics"].feature.removeprefix("original_shape_")
    measured, latent, voxels = [], [], []
    for number in range(1, 17):
        patient = draw_patient(3, number, HazardRatios())
        spec, chest = place_tumor(3, patient)
        mask = chest.holds_tumor(spec.points_mm)
        assert mask[1:-1, 1:-1, 1:-1].sum() == mask.sum(), "a tumour touches the border"
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing([*spec.pixel_spacing_mm, spec.slice_spacing_mm])
        features = shape.RadiomicsShape(image, image, label=1)
        measured.append(float(getattr(features, f"get{feature}FeatureValue")()))
        latent.append(patient.latents["radiomics"])
        voxels.append(mask.sum())
    assert np.corrcoef(measured, latent)[0, 1] > 0.95
    assert np.std(np.log(voxels)) > 0.25
