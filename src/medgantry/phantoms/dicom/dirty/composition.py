"""What lies in one series: duplicates, localizers, other acquisitions, other patients, multi-frame images."""

from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

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
from medgantry.phantoms.dicom.multiframe import make_multiframe
from medgantry.phantoms.dicom.pixels import set_pixels
from medgantry.phantoms.dicom.series import Series, make_series, mr_spec, pet_spec
from medgantry.phantoms.dicom.spec import CORONAL, SAGITTAL, SeriesSpec
from medgantry.phantoms.dicom.uids import make_uid

ROWS: Rows = {}
_table = partial(row, ROWS)


def _copy(dataset: Dataset, role: str | None = None) -> Dataset:
    """Return a copy; with a role it gets a SOPInstanceUID of its own."""
    copy = deepcopy(dataset)
    if role is not None:
        _rename(copy, role)
    return copy


def _rename(dataset: Dataset, role: str) -> None:
    dataset.SOPInstanceUID = make_uid(dataset.SOPInstanceUID, role)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _with_other_pixels(series: Series, dataset: Dataset, index: int) -> None:
    """Replace a slice's pixels by those of the slice two further up."""
    set_pixels(dataset, series.stored[index + 2], series.spec.pixels, transfer_syntax=ExplicitVRLittleEndian)


@_table("same instance twice", "repaired")
def _same_instance_twice(seed: int) -> Outcome:
    """One instance was sent twice, byte for byte: one of the two is enough."""
    series = make_clean(seed)
    copy = _copy(series.datasets[middle(series)])
    return Outcome(datasets=[*series.datasets, copy], truth=truth_of(series))


@_table("same slice under two UIDs", "repaired")
def _same_pixels_twice(seed: int) -> Outcome:
    """One slice came twice under two SOPInstanceUIDs, with the same pixels: one of the two is enough."""
    series = make_clean(seed)
    copy = _copy(series.datasets[middle(series)], "copy")
    return Outcome(datasets=[*series.datasets, copy], truth=truth_of(series))


@_table("series sent twice", "repaired")
def _series_twice(seed: int) -> Outcome:
    """The whole series came twice under other SOPInstanceUIDs, with the same pixels."""
    series = make_clean(seed)
    copies = [_copy(dataset, "sent again") for dataset in series.datasets]
    return Outcome(datasets=series.datasets + copies, truth=truth_of(series))


@_table("conflicting duplicate", "rejected")
def _conflicting_duplicate(seed: int) -> Outcome:
    """Two instances claim the same position with different pixels: nobody knows which is right."""
    series = make_clean(seed)
    index = middle(series)
    copy = _copy(series.datasets[index], "conflict")
    _with_other_pixels(series, copy, index)
    return Outcome(datasets=[*series.datasets, copy])


@_table("one UID, two contents", "rejected")
def _one_uid_two_contents(seed: int) -> Outcome:
    """Two files have one SOPInstanceUID and different pixels: nobody knows which is right."""
    series = make_clean(seed)
    index = middle(series)
    copy = _copy(series.datasets[index])
    _with_other_pixels(series, copy, index)
    return Outcome(datasets=[*series.datasets, copy])


@_table("one UID for two slices", "rejected")
def _one_uid_two_slices(seed: int) -> Outcome:
    """Two slices at different positions have one SOPInstanceUID: an archive may have lost either."""
    series = make_clean(seed)
    index = middle(series)
    series.datasets[index + 1].SOPInstanceUID = series.datasets[index].SOPInstanceUID
    series.datasets[index + 1].file_meta.MediaStorageSOPInstanceUID = series.datasets[index].SOPInstanceUID
    return Outcome(
        datasets=series.datasets, truth=truth_of(series), also_acceptable=frozenset({"ok", "repaired"})
    )


def make_localizer(spec: SeriesSpec, *, sagittal: bool = False) -> Dataset:
    """Return a localizer that belongs to the series of a spec: other orientation, matrix and ImageType."""
    localizer = replace(
        spec, slices=1, rows=60, columns=36, pixel_spacing_mm=(1.0, 1.0), slice_thickness_mm=0.6,
        orientation=SAGITTAL if sagittal else CORONAL, positions_mm=None,
        origin_mm=(-18.0, -100.0, -250.0), image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), kernel="T20f",
        instance_number_start=0 if not sagittal else spec.slices + 1,
    )  # fmt: skip
    (dataset,) = make_series(localizer).datasets
    _rename(dataset, "sagittal localizer" if sagittal else "localizer")
    return dataset


@_table("localizer in the series", "ok")
def _localizer(seed: int) -> Outcome:
    """A coronal localizer lies in the series: it is no slice of the stack, and the stack is sound."""
    series = make_clean(seed)
    return Outcome(
        datasets=[make_localizer(series.spec), *series.datasets], truth=truth_of(series),
        also_acceptable=frozenset({"repaired"}),
    )  # fmt: skip


@_table("two localizers in the series", "ok")
def _two_localizers(seed: int) -> Outcome:
    """A coronal and a sagittal localizer lie in the series; the stack is sound."""
    series = make_clean(seed)
    localizers = [make_localizer(series.spec, sagittal=sagittal) for sagittal in (False, True)]
    return Outcome(
        datasets=localizers + series.datasets, truth=truth_of(series),
        also_acceptable=frozenset({"repaired"}),
    )  # fmt: skip


@_table("two orientations", "rejected")
def _two_orientations(seed: int) -> Outcome:
    """Ten axial and ten coronal slices in one series: neither is the main stack."""
    axial = make_clean(seed, slices=10)
    coronal = make_clean(seed, slices=10, orientation=CORONAL, instance_number_start=11)
    for dataset in coronal.datasets:
        _rename(dataset, "coronal")
    return Outcome(
        datasets=axial.datasets + coronal.datasets, alternatives=(truth_of(axial), truth_of(coronal))
    )


@_table("other matrix inside", "rejected")
def _other_matrix(seed: int) -> Outcome:
    """One slice inside has a matrix of 16 x 20 for the same field of view: without it there is a hole."""
    series = make_clean(seed)
    coarse = make_clean(seed, rows=16, columns=20, pixel_spacing_mm=(1.4, 1.6))
    index = middle(series)
    datasets = [*series.datasets[:index], coarse.datasets[index], *series.datasets[index + 1 :]]
    return Outcome(datasets=datasets)


def _second_time(seed: int, attribute: str) -> Outcome:
    """Return two stacks at the same positions, told apart by an attribute that counts from 1."""
    first = make_clean(seed)
    second = make_series(replace(first.spec, instance_number_start=21, noise=False), first.body)
    for number, series in enumerate((first, second), start=1):
        for dataset in series.datasets:
            setattr(dataset, attribute, number)
    for dataset in second.datasets:
        _rename(dataset, "second")
    return Outcome(
        datasets=first.datasets + second.datasets, alternatives=(truth_of(first), truth_of(second))
    )


@_table("two acquisitions", "rejected")
def _two_acquisitions(seed: int) -> Outcome:
    """AcquisitionNumber 1 and 2 at the same positions: two volumes, and nobody said which one is wanted."""
    return _second_time(seed, "AcquisitionNumber")


@_table("two time points", "rejected")
def _two_time_points(seed: int) -> Outcome:
    """TemporalPositionIdentifier 1 and 2 at the same positions: two volumes, and nobody said which."""
    return _second_time(seed, "TemporalPositionIdentifier")


def _mixed(seed: int, keyword: str, value: object) -> Outcome:
    """Return a series whose upper half differs in an attribute that a series must agree on."""
    series = make_clean(seed)
    for dataset in series.datasets[middle(series) :]:
        setattr(dataset, keyword, value)
    return Outcome(datasets=series.datasets)


@_table("two frames of reference", "rejected")
def _mixed_frames_of_reference(seed: int) -> Outcome:
    """Half of the slices are in another coordinate system: their positions cannot be compared."""
    return _mixed(seed, "FrameOfReferenceUID", make_uid(seed, "another frame of reference"))


@_table("two patients", "rejected")
def _mixed_patients(seed: int) -> Outcome:
    """Half of the slices are of another patient under the same SeriesInstanceUID."""
    return _mixed(seed, "PatientID", "PHANTOM-0002")


@_table("two studies", "rejected")
def _mixed_studies(seed: int) -> Outcome:
    """Half of the slices belong to another study under the same SeriesInstanceUID."""
    return _mixed(seed, "StudyInstanceUID", make_uid(seed, "another study"))


@_table("two modalities", "rejected")
def _mixed_modalities(seed: int) -> Outcome:
    """Half of the slices say that they are MR."""
    return _mixed(seed, "Modality", "MR")


@_table("no frame of reference", "ok")
def _no_frame_of_reference(seed: int) -> Outcome:
    """No slice names its coordinate system; within the series the positions still agree."""
    series = make_clean(seed)
    for dataset in series.datasets:
        del dataset.FrameOfReferenceUID
    return replace(all_of(series), also_acceptable=frozenset({"rejected"}))


@_table("MR", "ok")
def _mr(seed: int) -> Outcome:
    """MR without rescaling: the stored values are the values."""
    return all_of(make_series(mr_spec(SeriesSpec(seed=seed))))


@_table("PET", "ok")
def _pet(seed: int) -> Outcome:
    """PET: every slice has a RescaleSlope of its own."""
    return all_of(make_series(pet_spec(SeriesSpec(seed=seed))))


def _shuffled(seed: int, slices: int) -> list[int]:
    order: list[int] = np.random.Generator(np.random.Philox(seed)).permutation(slices).tolist()
    return order


@_table("multi-frame CT", "ok")
def _multiframe_ct(seed: int) -> Outcome:
    """One enhanced image: the frames are shuffled, and the geometry stands in the shared groups."""
    series = make_clean(seed)
    return Outcome(datasets=[make_multiframe(series, order=_shuffled(seed, 20))], truth=truth_of(series))


@_table("multi-frame CT, groups of every frame", "ok")
def _multiframe_per_frame(seed: int) -> Outcome:
    """One enhanced image: geometry and rescaling stand in every frame's groups, with a slope for each."""
    slopes = tuple((1.0 + 0.125 * np.arange(20)).tolist())
    series = make_clean(seed, rescale_slope=slopes)
    dataset = make_multiframe(series, order=_shuffled(seed, 20), shared=False)
    return Outcome(datasets=[dataset], truth=truth_of(series))


@_table("multi-frame MR, frames against the normal", "ok")
def _multiframe_mr(seed: int) -> Outcome:
    """One enhanced MR image, its frames against the normal."""
    series = make_series(mr_spec(SeriesSpec(seed=seed)))
    return Outcome(datasets=[make_multiframe(series, order=range(19, -1, -1))], truth=truth_of(series))


@_table("multi-frame CT, one frame missing", "rejected")
def _multiframe_gap(seed: int) -> Outcome:
    """One enhanced image in which a frame inside is missing."""
    series = make_smooth(seed)
    order = [index for index in range(20) if index != 7]
    return Outcome(
        datasets=[make_multiframe(series, order=order)],
        repair="gap", repaired=truth_of(series), body=series.body, repair_tolerance=40.0,
    )  # fmt: skip


@_table("multi-frame CT in two instances", "ok")
def _multiframe_in_two(seed: int) -> Outcome:
    """One stack in two enhanced instances of one series, ten frames each."""
    series = make_clean(seed)
    halves = [make_multiframe(series, order=order) for order in (range(10), range(10, 20))]
    _rename(halves[1], "second half")
    halves[1].InstanceNumber = 2
    return Outcome(
        datasets=halves, truth=Truth(series.voxels, series.affine), also_acceptable=frozenset({"rejected"})
    )
