import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from medgantry.phantoms.dicom.dirty import DIRTY, DirtyCase, Truth, write_case

UNUSUAL = ("modality LUT", "high bit 15")  # what pydicom reads only when asked in another way

REPAIRS = {
    "one slice missing": "gap", "two slices missing": "gap", "multi-frame CT, one frame missing": "gap",
    "gantry tilt": "tilt", "gantry tilt without its tag": "tilt",
    "variable spacing": "spacing", "spacing drifts": "spacing",
    "padding": "padding", "padding range": "padding",
}  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> dict[str, DirtyCase]:
    return {name: make(0) for name, make in DIRTY.items()}


def _frames(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Position, orientation and rescaled pixels of every frame."""
    pixels = np.asarray(dataset.pixel_array, dtype=np.float64)
    if "NumberOfFrames" not in dataset:
        slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
        place = np.array(dataset.ImagePositionPatient, dtype=float)
        turn = np.array(dataset.ImageOrientationPatient, dtype=float)
        return [(place, turn, pixels * float(slope) + float(intercept))]
    frames = []
    for groups, image in zip(dataset.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        both = Dataset()
        both.update(dataset.SharedFunctionalGroupsSequence[0])
        both.update(groups)
        value = both.PixelValueTransformationSequence[0]
        place = np.array(both.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        turn = np.array(both.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
        frames.append((place, turn, image * float(value.RescaleSlope) + float(value.RescaleIntercept)))
    return frames


def _read(folder: Path) -> Truth:
    """The largest stack of a folder, sorted along its normal, with duplicates taken once."""
    frames = [frame for path in folder.iterdir() for frame in _frames(pydicom.dcmread(path))]
    key = [(tuple(turn.round(2)), image.shape) for _, turn, image in frames]
    most = Counter(key).most_common(1)[0][0]
    stack = [frame for frame, kind in zip(frames, key, strict=True) if kind == most]
    normal = np.cross(stack[0][1][:3], stack[0][1][3:])
    by_height = {round(float(place @ normal), 1): (place, image) for place, _, image in stack}
    ordered = [by_height[height] for height in sorted(by_height)]
    affine = np.eye(4)
    affine[:3, 0] = (ordered[-1][0] - ordered[0][0]) / (len(ordered) - 1)
    affine[:3, 3] = ordered[0][0]
    return Truth(np.stack([image for _, image in ordered]).astype(np.float32), affine)


@pytest.mark.parametrize("name", [name for name in DIRTY if name not in UNUSUAL])
def test_what_can_be_read_is_the_truth(name: str, cases: dict[str, DirtyCase], tmp_path: Path) -> None:
    case = cases[name]
    write_case(case, tmp_path)
    assert len(list(tmp_path.iterdir())) == len(case.datasets)
    if case.expected == "rejected" or case.truth is None:
        return
    found = _read(tmp_path)
    np.testing.assert_allclose(found.voxels, case.truth.voxels, rtol=1e-6)
    last = [len(found.voxels) - 1, 0, 0, 1]
    np.testing.assert_allclose(found.affine @ last, case.truth.affine @ last, atol=case.affine_tolerance_mm)


def test_every_case_says_what_it_is(cases: dict[str, DirtyCase]) -> None:
    assert len(cases) > 100
    for name, case in cases.items():
        assert case.name == name
        assert case.why.endswith("."), name
        assert case.expected not in case.also_acceptable
        if case.expected == "rejected" and not case.also_acceptable:
            assert case.truth is None, name
        else:
            assert case.truth is not None, name
        assert (case.repair is None) == (case.repaired is None), name
        assert case.truth is None or np.isfinite(case.truth.voxels).all()
    assert {name: case.repair for name, case in cases.items() if case.repair} == REPAIRS


def _interpolated(case: DirtyCase) -> np.ndarray:
    """Linear interpolation of the instances on the grid of `repaired`; NaN outside."""
    truth = case.repaired
    assert truth is not None
    frames = sorted(
        (frame for dataset in case.datasets for frame in _frames(dataset)),
        key=lambda frame: float(frame[0] @ truth.affine[:3, 0]),
    )
    normal = truth.affine[:3, 0] / np.linalg.norm(truth.affine[:3, 0])
    down = truth.affine[:3, 1]
    first = truth.affine[:3, 3]
    slid = []
    for place, _, image in frames:  # in-plane first: where the slices slide, they do so down the rows
        offset = float((place - first) @ down / (down @ down))
        rows = np.arange(image.shape[0])
        sources = np.clip(rows - offset, 0, image.shape[0] - 1)
        low = np.minimum(sources.astype(int), image.shape[0] - 2)
        weight = (sources - low)[:, None]
        moved = image[low] * (1 - weight) + image[low + 1] * weight
        moved[(rows < offset - 1e-6) | (rows > offset + image.shape[0] - 1 + 1e-6)] = np.nan
        slid.append(moved)
    heights = np.array([float((place - first) @ normal) for place, _, _ in frames])
    wanted = np.arange(len(truth.voxels)) * np.linalg.norm(truth.affine[:3, 0])
    low = np.clip(np.searchsorted(heights, wanted + 1e-6) - 1, 0, len(heights) - 2)
    weight = ((wanted - heights[low]) / (heights[low + 1] - heights[low]))[:, None, None]
    below, above = np.stack(slid)[low], np.stack(slid)[low + 1]
    blend = np.where(
        weight < 1e-6, below, np.where(weight > 1 - 1e-6, above, below + weight * (above - below))
    )
    return blend


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("name", [name for name, repair in REPAIRS.items() if repair != "padding"])
def test_linear_interpolation_repairs_within_the_tolerance(name: str, seed: int) -> None:
    case = DIRTY[name](seed)
    assert case.repaired is not None
    found = _interpolated(case)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(case.repaired.voxels))
    error = np.nanmax(np.abs(found - case.repaired.voxels))
    assert error < case.repair_tolerance
    assert np.nanstd(case.repaired.voxels) > 3 * case.repair_tolerance  # the tolerance hides no mistake


def test_the_body_gives_the_repaired_values(cases: dict[str, DirtyCase]) -> None:
    case = cases["variable spacing"]
    assert case.body is not None
    assert case.repaired is not None
    point = case.repaired.affine @ [3, 4, 5, 1]
    assert case.body.values(point[:3]) == pytest.approx(case.repaired.voxels[3, 4, 5], abs=1e-3)


def test_padding_is_filled_only_where_it_was(cases: dict[str, DirtyCase]) -> None:
    case = cases["padding"]
    assert case.truth is not None
    assert case.repaired is not None
    changed = case.truth.voxels != case.repaired.voxels
    np.testing.assert_array_equal(changed, case.padding)
    assert case.repaired.voxels.min() > -1100


def test_tables_and_upper_bits_hold_the_truth(cases: dict[str, DirtyCase]) -> None:
    case = cases["modality LUT"]
    assert case.truth is not None
    for dataset, image in zip(case.datasets, case.truth.voxels, strict=True):
        np.testing.assert_array_equal(apply_modality_lut(dataset.pixel_array, dataset), image)
    case = cases["high bit 15"]
    assert case.truth is not None
    for dataset, image in zip(case.datasets, case.truth.voxels, strict=True):
        words = np.frombuffer(dataset.PixelData, dtype="<u2").reshape(image.shape)
        np.testing.assert_array_equal((words >> 4) - 1024.0, image)


@pytest.mark.parametrize("name", ["same instance twice", "series sent twice", "localizer in the series"])
def test_seeds_make_other_series_of_the_same_kind(name: str) -> None:
    first, second = DIRTY[name](0), DIRTY[name](1)
    assert first.datasets[-1].SeriesInstanceUID != second.datasets[-1].SeriesInstanceUID
    assert len(first.datasets) == len(second.datasets)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name in ("gantry tilt", "padding range", "JPEG 2000 truncated", "multi-frame CT"):
        contents = []
        for copy in "ab":
            paths = write_case(DIRTY[name](5), tmp_path / name / copy)
            contents.append([path.read_bytes() for path in paths])
        assert contents[0] == contents[1]


@pytest.mark.parametrize("name", ["pixel data missing", "pixel data truncated", "pixel data empty"])
def test_damaged_pixels_cannot_be_decoded(name: str, cases: dict[str, DirtyCase]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        damaged = cases[name].datasets[10]
        with pytest.raises((AttributeError, ValueError)):
            _ = damaged.pixel_array
