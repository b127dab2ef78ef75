"""Where the slices lie: gaps, tilt, unequal spacing, rounding, odd orientations."""

from dataclasses import replace
from functools import partial

import numpy as np
from pydicom.dataset import Dataset

from medgantry.phantoms.dicom.dirty.case import (
    Outcome,
    Rows,
    Truth,
    all_of,
    make_clean,
    make_smooth,
    middle,
    row,
    truth_of,
)
from medgantry.phantoms.dicom.headers import decimals
from medgantry.phantoms.dicom.raw import set_raw
from medgantry.phantoms.dicom.series import Series
from medgantry.phantoms.dicom.spec import CORONAL, SAGITTAL, SeriesSpec

ROWS: Rows = {}

_TILT_DEGREES = 15.0
_OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.2418448, 0.6644630, -0.7071068)
_table = partial(row, ROWS)


@_table("clean", "ok")
def _clean(seed: int) -> Outcome:
    """Nothing is wrong."""
    return all_of(make_clean(seed))


def _without(seed: int, missing: set[int]) -> Outcome:
    series = make_smooth(seed)
    return Outcome(
        datasets=[data for index, data in enumerate(series.datasets) if index not in missing],
        repair="gap", repaired=truth_of(series), body=series.body, repair_tolerance=40.0,
    )  # fmt: skip


@_table("one slice missing", "rejected")
def _missing_inside(seed: int) -> Outcome:
    """One step between slices is twice the others: a slice inside is missing."""
    return _without(seed, {7})


@_table("two slices missing", "rejected")
def _two_missing_inside(seed: int) -> Outcome:
    """Two neighbouring slices inside are missing."""
    return _without(seed, {11, 12})


@_table("last slice missing", "ok")
def _missing_at_the_end(seed: int) -> Outcome:
    """A slice missing at an end cannot be seen from the spacing: what is there is a sound stack."""
    series = make_clean(seed)
    return Outcome(datasets=series.datasets[:-1], truth=Truth(series.voxels[:-1], series.affine))


def _tilted(seed: int, *, tagged: bool) -> Outcome:
    angle = np.deg2rad(_TILT_DEGREES)
    orientation = (1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(np.sin(angle)))
    regular = SeriesSpec(
        seed=seed, rows=48, orientation=orientation, slice_spacing_mm=2.5 * float(np.cos(angle))
    )
    table = np.array(regular.origin_mm) + np.arange(regular.slices)[:, None] * (0.0, 0.0, 2.5)
    series = make_smooth(
        seed, rows=48, orientation=orientation,
        positions_mm=tuple(tuple(position) for position in table.tolist()),
    )  # fmt: skip
    for dataset in series.datasets:
        if tagged:
            dataset.GantryDetectorTilt = f"{-_TILT_DEGREES:g}"
    voxels = series.body.values(regular.points_mm).astype(np.float32)
    # Down the rows, the slices slide over each other; what no slice covers is unknown.
    shift = np.arange(regular.slices) * 2.5 * np.sin(angle) / regular.pixel_spacing_mm[0]
    voxels[np.arange(regular.rows)[None, :] < shift[:, None]] = np.nan
    return Outcome(
        datasets=series.datasets, repair="tilt", repaired=Truth(voxels, regular.affine), body=series.body,
        repair_tolerance=12.0,
    )  # fmt: skip


@_table("gantry tilt", "rejected")
def _tilt_with_tag(seed: int) -> Outcome:
    """The table does not move along the slices' normal: the stack is sheared by 15 degrees."""
    return _tilted(seed, tagged=True)


@_table("gantry tilt without its tag", "rejected")
def _tilt_without_tag(seed: int) -> Outcome:
    """Sheared by 15 degrees, and GantryDetectorTilt does not say so: the positions do."""
    return _tilted(seed, tagged=False)


@_table("variable spacing", "rejected")
def _variable_spacing(seed: int) -> Outcome:
    """The upper half was taken with twice the spacing of the lower one."""
    spec = SeriesSpec(seed=seed)
    heights = np.concatenate([np.arange(10) * 2.5, 22.5 + np.arange(1, 11) * 5.0])
    positions = np.array(spec.origin_mm) + heights[:, None] * (0.0, 0.0, 1.0)
    series = make_smooth(seed, positions_mm=tuple(tuple(position) for position in positions.tolist()))
    fine = replace(spec, slices=round(heights[-1] / 2.5) + 1)
    voxels = series.body.values(fine.points_mm).astype(np.float32)
    return Outcome(
        datasets=series.datasets, repair="spacing", repaired=Truth(voxels, fine.affine), body=series.body,
        repair_tolerance=25.0,
    )  # fmt: skip


@_table("spacing drifts", "rejected")
def _drifting_spacing(seed: int) -> Outcome:
    """Every step is 2 percent longer than the one before: no single spacing describes the stack."""
    spec = SeriesSpec(seed=seed)
    heights = np.concatenate([[0.0], np.cumsum(2.5 * 1.02 ** np.arange(19))])
    positions = np.array(spec.origin_mm) + heights[:, None] * (0.0, 0.0, 1.0)
    series = make_smooth(seed, positions_mm=tuple(tuple(position) for position in positions.tolist()))
    fine = replace(spec, slices=int(heights[-1] / 2.5) + 1)
    voxels = series.body.values(fine.points_mm).astype(np.float32)
    return Outcome(
        datasets=series.datasets, repair="spacing", repaired=Truth(voxels, fine.affine), body=series.body,
        repair_tolerance=25.0,
    )  # fmt: skip


@_table("position jitter", "ok")
def _jitter(seed: int) -> Outcome:
    """Positions are off by up to 0.02 mm along the normal, as rounding does it."""
    series = make_clean(seed)
    offsets = np.random.Generator(np.random.Philox(seed)).uniform(-0.02, 0.02, size=series.spec.slices)
    for dataset, offset in zip(series.datasets, offsets, strict=True):
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = decimals([x, y, float(z) + offset])
    return all_of(series, affine_tolerance_mm=0.03)


@_table("pixel spacing differs slightly", "ok")
def _spacing_rounding(seed: int) -> Outcome:
    """One slice's PixelSpacing is off by 0.0001 mm: the last slice moves by less than 0.01 mm."""
    series = make_clean(seed)
    series.datasets[middle(series)].PixelSpacing = decimals([0.7001, 0.8001])
    return all_of(series, affine_tolerance_mm=0.01)


@_table("pixel spacing differs", "rejected")
def _other_pixel_spacing(seed: int) -> Outcome:
    """One slice inside has other pixels: 0.9 mm instead of 0.8 mm."""
    series = make_clean(seed)
    series.datasets[middle(series)].PixelSpacing = decimals([0.7, 0.9])
    return Outcome(datasets=series.datasets)


@_table("orientation differs slightly", "ok")
def _orientation_rounding(seed: int) -> Outcome:
    """One slice's orientation is off by 0.0002: its far corner moves by less than 0.01 mm."""
    series = make_clean(seed)
    series.datasets[middle(series)].ImageOrientationPatient = decimals([1.0, 2e-4, 0.0, -2e-4, 1.0, 0.0])
    return all_of(series, affine_tolerance_mm=0.01)


@_table("orientation not perpendicular", "rejected")
def _not_perpendicular(seed: int) -> Outcome:
    """Rows and columns of every slice meet at 87 degrees: no normal is right."""
    series = make_clean(seed)
    for dataset in series.datasets:
        dataset.ImageOrientationPatient = decimals([1.0, 0.0, 0.0, 0.0523360, 0.9986295, 0.0])
    return Outcome(datasets=series.datasets)


@_table("orientation not of unit length", "rejected")
def _not_unit(seed: int) -> Outcome:
    """The direction of the rows has the length 0.9: it is unknown what a millimetre is."""
    series = make_clean(seed)
    for dataset in series.datasets:
        dataset.ImageOrientationPatient = decimals([0.9, 0.0, 0.0, 0.0, 1.0, 0.0])
    return Outcome(datasets=series.datasets)


def _broken(seed: int, keyword: str, value: str, *, everywhere: bool = False) -> Outcome:
    """Return a series in which an attribute of one slice inside, or of all, has an impossible value."""
    series = make_clean(seed)
    targets: list[Dataset] = series.datasets if everywhere else [series.datasets[middle(series)]]
    for dataset in targets:
        set_raw(dataset, keyword, value)
    return Outcome(datasets=series.datasets)


@_table("position is NaN", "rejected")
def _nan_position(seed: int) -> Outcome:
    """The position of a slice holds NaN: comparisons with it are silently false."""
    return _broken(seed, "ImagePositionPatient", r"-15.5\-110.25\NaN")


@_table("position is infinite", "rejected")
def _infinite_position(seed: int) -> Outcome:
    """The position of a slice holds an infinite number."""
    return _broken(seed, "ImagePositionPatient", r"-15.5\inf\-270.0")


@_table("orientation is NaN", "rejected")
def _nan_orientation(seed: int) -> Outcome:
    """The orientation of every slice holds NaN."""
    return _broken(seed, "ImageOrientationPatient", r"1\0\0\0\NaN\0", everywhere=True)


@_table("position has two numbers", "rejected")
def _short_position(seed: int) -> Outcome:
    """The position of a slice has two numbers."""
    return _broken(seed, "ImagePositionPatient", r"-15.5\-110.25")


@_table("pixel spacing is zero", "rejected")
def _zero_spacing(seed: int) -> Outcome:
    """PixelSpacing is 0: the volume has no extent."""
    return _broken(seed, "PixelSpacing", r"0\0", everywhere=True)


@_table("pixel spacing is negative", "rejected")
def _negative_spacing(seed: int) -> Outcome:
    """PixelSpacing is negative: the volume would be mirrored."""
    return _broken(seed, "PixelSpacing", r"-0.7\0.8", everywhere=True)


@_table("all slices at one position", "rejected")
def _one_position(seed: int) -> Outcome:
    """All slices claim the same position, with different pixels."""
    return _broken(seed, "ImagePositionPatient", r"-15.5\-110.25\-300.5", everywhere=True)


def _missing(seed: int, keyword: str, *, everywhere: bool) -> Outcome:
    series = make_clean(seed)
    for dataset in series.datasets if everywhere else [series.datasets[middle(series)]]:
        delattr(dataset, keyword)
    return Outcome(datasets=series.datasets)


@_table("position missing in one slice", "rejected")
def _no_position(seed: int) -> Outcome:
    """One slice inside does not say where it lies."""
    return _missing(seed, "ImagePositionPatient", everywhere=False)


@_table("orientation missing", "rejected")
def _no_orientation(seed: int) -> Outcome:
    """No slice says how it is turned."""
    return _missing(seed, "ImageOrientationPatient", everywhere=True)


@_table("pixel spacing missing", "rejected")
def _no_spacing(seed: int) -> Outcome:
    """No slice says how large its pixels are."""
    return _missing(seed, "PixelSpacing", everywhere=True)


def _turned(seed: int, **changes: object) -> Outcome:
    return all_of(make_clean(seed, **changes))


@_table("oblique", "ok")
def _oblique(seed: int) -> Outcome:
    """The slices are parallel to no plane of the patient."""
    return _turned(seed, orientation=_OBLIQUE)


@_table("sagittal", "ok")
def _sagittal(seed: int) -> Outcome:
    """The slices are sagittal."""
    return _turned(seed, orientation=SAGITTAL)


@_table("coronal", "ok")
def _coronal(seed: int) -> Outcome:
    """The slices are coronal."""
    return _turned(seed, orientation=CORONAL)


@_table("instances run against the normal", "ok")
def _top_down(seed: int) -> Outcome:
    """InstanceNumber grows against the normal: read in that order the stack is left-handed."""
    return _turned(seed, bottom_up=False)


@_table("prone, feet first", "ok")
def _prone(seed: int) -> Outcome:
    """Both in-plane axes are turned around, so the normal still points to the head."""
    return _turned(seed, orientation=(-1.0, 0.0, 0.0, 0.0, -1.0, 0.0))


@_table("normal points to the feet", "ok")
def _towards_feet(seed: int) -> Outcome:
    """The columns run to the patient's right, so the normal points to the feet."""
    return _turned(seed, orientation=(-1.0, 0.0, 0.0, 0.0, 1.0, 0.0))


def _few(seed: int, slices: int) -> Series:
    return make_clean(seed, slices=slices)


@_table("three slices", "ok")
def _three(seed: int) -> Outcome:
    """Three slices are a stack."""
    return all_of(_few(seed, 3))


@_table("two slices", "ok")
def _two(seed: int) -> Outcome:
    """Two slices are a stack: their distance is the spacing."""
    return all_of(_few(seed, 2))


@_table("one slice", "rejected")
def _one(seed: int) -> Outcome:
    """One slice is no volume: nothing says how thick it is."""
    return Outcome(datasets=_few(seed, 1).datasets)
