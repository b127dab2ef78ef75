"""Attributes that readers trust and should not: instance numbers, thickness, and those that must be there."""

from functools import partial

import numpy as np

from medgantry.phantoms.dicom.dirty.case import Outcome, Rows, all_of, make_clean, middle, row
from medgantry.phantoms.dicom.headers import decimals
from medgantry.phantoms.dicom.raw import set_raw

ROWS: Rows = {}
_table = partial(row, ROWS)


@_table("instance numbers all 1", "ok")
def _all_one(seed: int) -> Outcome:
    """Every InstanceNumber is 1: the positions order the slices."""
    series = make_clean(seed)
    for dataset in series.datasets:
        dataset.InstanceNumber = 1
    return all_of(series)


@_table("instance numbers absent", "ok")
def _absent(seed: int) -> Outcome:
    """No slice has an InstanceNumber: the positions order the slices."""
    series = make_clean(seed)
    for dataset in series.datasets:
        del dataset.InstanceNumber
    return all_of(series)


@_table("instance numbers shuffled", "ok")
def _shuffled(seed: int) -> Outcome:
    """InstanceNumber has nothing to do with the positions."""
    series = make_clean(seed)
    numbers = np.random.Generator(np.random.Philox(seed)).permutation(series.spec.slices)
    for dataset, number in zip(series.datasets, numbers, strict=True):
        dataset.InstanceNumber = int(number) + 1
    return all_of(series)


@_table("instance numbers from 0", "ok")
def _from_zero(seed: int) -> Outcome:
    """InstanceNumber starts at 0."""
    return all_of(make_clean(seed, instance_number_start=0))


@_table("slice location lies", "ok")
def _slice_location(seed: int) -> Outcome:
    """SliceLocation runs the other way and with another step: only ImagePositionPatient counts."""
    series = make_clean(seed)
    for index, dataset in enumerate(series.datasets):
        dataset.SliceLocation = decimals([500.0 - 1.25 * index])[0]
    return all_of(series)


@_table("slice thickness absent", "ok")
def _no_thickness(seed: int) -> Outcome:
    """No slice has a SliceThickness: the spacing follows from the positions."""
    series = make_clean(seed)
    for dataset in series.datasets:
        dataset.SliceThickness = None
    return all_of(series)


@_table("spacing between slices is negative", "ok")
def _negative_spacing_between_slices(seed: int) -> Outcome:
    """SpacingBetweenSlices is -2.5, and some writers mean a direction by it; the positions decide."""
    series = make_clean(seed)
    for dataset in series.datasets:
        dataset.SpacingBetweenSlices = "-2.5"
    return all_of(series)


@_table("spacing between slices lies", "ok")
def _wrong_spacing_between_slices(seed: int) -> Outcome:
    """SpacingBetweenSlices is 5.0 where the positions are 2.5 mm apart; the positions decide."""
    series = make_clean(seed)
    for dataset in series.datasets:
        dataset.SpacingBetweenSlices = "5.0"
    return all_of(series)


@_table("imager pixel spacing beside", "ok")
def _imager_pixel_spacing(seed: int) -> Outcome:
    """ImagerPixelSpacing, measured at the detector, differs from PixelSpacing."""
    series = make_clean(seed)
    for dataset in series.datasets:
        dataset.ImagerPixelSpacing = decimals([0.5, 0.5])
    return all_of(series)


def _lacking(seed: int, keyword: str) -> Outcome:
    """Return a series in which one slice inside lacks an attribute."""
    series = make_clean(seed)
    delattr(series.datasets[middle(series)], keyword)
    return Outcome(datasets=series.datasets)


@_table("rows missing", "rejected")
def _no_rows(seed: int) -> Outcome:
    """One slice does not say how many rows it has."""
    return _lacking(seed, "Rows")


@_table("pixel representation missing", "rejected")
def _no_pixel_representation(seed: int) -> Outcome:
    """One slice does not say whether its values are signed."""
    return _lacking(seed, "PixelRepresentation")


@_table("bits allocated missing", "rejected")
def _no_bits_allocated(seed: int) -> Outcome:
    """One slice does not say how large its words are."""
    return _lacking(seed, "BitsAllocated")


@_table("photometric interpretation missing", "rejected")
def _no_photometric(seed: int) -> Outcome:
    """One slice does not say whether it is grey; its size and its neighbours do."""
    series = make_clean(seed)
    del series.datasets[middle(series)].PhotometricInterpretation
    outcome = all_of(series)
    return Outcome(
        datasets=outcome.datasets, truth=outcome.truth, also_acceptable=frozenset({"ok", "repaired"})
    )


@_table("SOP instance UID missing", "rejected")
def _no_instance_uid(seed: int) -> Outcome:
    """One slice has no SOPInstanceUID: nothing can refer to it."""
    series = make_clean(seed)
    del series.datasets[middle(series)].SOPInstanceUID
    outcome = all_of(series)
    return Outcome(
        datasets=outcome.datasets, truth=outcome.truth, also_acceptable=frozenset({"ok", "repaired"})
    )


@_table("rescaling missing in one slice", "rejected")
def _no_rescale(seed: int) -> Outcome:
    """One slice inside has no rescaling: its values would be off by 1024 HU."""
    series = make_clean(seed)
    dataset = series.datasets[middle(series)]
    del dataset.RescaleSlope
    del dataset.RescaleIntercept
    return Outcome(datasets=series.datasets)


@_table("rescale intercept missing in one slice", "rejected")
def _no_intercept(seed: int) -> Outcome:
    """One slice inside has a slope and no intercept."""
    return _lacking(seed, "RescaleIntercept")


def _slope(seed: int, value: str) -> Outcome:
    series = make_clean(seed)
    set_raw(series.datasets[middle(series)], "RescaleSlope", value)
    return Outcome(datasets=series.datasets)


@_table("rescale slope is 0", "rejected")
def _zero_slope(seed: int) -> Outcome:
    """A slope of 0 makes a slice of one value."""
    return _slope(seed, "0")


@_table("rescale slope is NaN", "rejected")
def _nan_slope(seed: int) -> Outcome:
    """A slope of NaN makes a slice without values."""
    return _slope(seed, "NaN")
