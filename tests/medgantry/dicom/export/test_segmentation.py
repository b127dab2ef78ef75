"""A written SEG lies on its series for every reader."""

import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.sr.coding import Code

from medgantry.dicom.export.measurements import make_measurements
from medgantry.dicom.export.segmentation import Algorithm, Segment, make_segmentation, segments_of
from medgantry.dicom.header import read_header
from medgantry.dicom.segmentation import Segmentation
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import read_volume
from medgantry.errors import InvalidBundle, Mismatch
from medgantry.phantoms.dicom.segmentation import example_masks
from medgantry.phantoms.dicom.series import make_series, write_series
from medgantry.phantoms.dicom.spec import CORONAL, SeriesSpec
from tests.dcmqi import mask_by_dcmqi

ALGORITHM = Algorithm(name="Test", version="1")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
NEOPLASM = Code("108369006", "SCT", "Neoplasm")


@pytest.fixture(params=["axial", "coronal", "oblique"])
def case(request, tmp_path):
    turn = {"coronal": CORONAL, "oblique": (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)}.get(request.param)
    spec = SeriesSpec(slices=12, **({"orientation": turn} if turn else {}))
    return write(make_series(spec), tmp_path)


def write(series, folder):
    paths = write_series(series, folder / "ct")
    (found,) = group_series([read_header(path) for path in paths])
    volume = read_volume(found.stacks()[0], modality="CT")
    sources = sorted(
        (dcmread(path, stop_before_pixels=True) for path in paths),
        key=lambda dataset: volume.slices[dataset.SOPInstanceUID, 0],
    )
    masks = {**example_masks(series), "Nothing": np.zeros(volume.grid.shape, bool)}
    segments = [Segment(region=name, label=name, category=ABNORMAL, type=NEOPLASM) for name in masks]
    dataset = make_segmentation(sources, masks, segments, ALGORITHM, volume.grid.nifti_affine)
    dataset.save_as(folder / "seg.dcm")
    return folder / "seg.dcm", volume, masks, sources, segments


def test_our_reader_highdicom_and_dcmqi_place_it_voxel_for_voxel(case, tmp_path):
    path, volume, masks, _, _ = case
    shown = {name: mask for name, mask in masks.items() if mask.any()}
    codes = {number: 1 << number for number in range(1, len(shown) + 1)}
    ours = np.zeros(volume.grid.shape, np.uint16)
    proof = Segmentation(path).paint(codes, volume, ours)
    assert proof.referred == proof.planes
    theirs = highdicom.seg.segread(path).get_volume(combine_segments=False)
    placed = theirs.match_geometry(
        highdicom.Volume(
            volume.voxels, volume.grid.affine, "PATIENT", frame_of_reference_uid=volume.frame_of_reference_uid
        )
    )
    for number, mask in enumerate(shown.values(), start=1):
        assert np.array_equal(ours & codes[number] > 0, mask)
        assert np.array_equal(placed.array[..., number - 1] > 0, mask)
        assert np.array_equal(mask_by_dcmqi(path, number, volume, tmp_path), mask)


def test_it_says_what_made_it_and_from_what(case):
    path, _, masks, sources, _ = case
    dataset = dcmread(path)
    assert [item.SegmentLabel for item in dataset.SegmentSequence] == list(masks)
    algorithm = dataset.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("Test", "1")
    referred = {
        item.ReferencedSOPInstanceUID
        for item in dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred == {source.SOPInstanceUID for source in sources}


def test_the_same_masks_are_the_same_object(tmp_path):
    series = make_series(SeriesSpec(slices=6))
    first, second = (dcmread(write(series, tmp_path / name)[0]) for name in "ab")
    assert first.SOPInstanceUID == second.SOPInstanceUID


def test_volumes_are_reported_with_a_reference_to_the_segmentation(case, tmp_path):
    path, _, masks, sources, segments = case
    volumes = {name: float(mask.sum()) for name, mask in masks.items()}
    make_measurements(dcmread(path), sources, segments, volumes, ALGORITHM).save_as(tmp_path / "sr.dcm")
    groups = highdicom.sr.srread(tmp_path / "sr.dcm").content.get_volumetric_roi_measurement_groups()
    assert [group.get_measurements()[0].value for group in groups] == [
        value for value in volumes.values() if value
    ]


def test_masks_that_lie_elsewhere_are_refused(tmp_path):
    _, volume, masks, sources, segments = write(make_series(SeriesSpec(slices=6)), tmp_path)
    moved = volume.grid.nifti_affine.copy()
    moved[2, 3] += 2.5
    with pytest.raises(Mismatch, match="off their slices"):
        make_segmentation(sources, masks, segments, ALGORITHM, moved)
    with pytest.raises(Mismatch, match="resampled by a repair"):
        make_segmentation(sources[1:], masks, segments, ALGORITHM, moved)


def test_a_region_without_codes_is_refused():
    with pytest.raises(InvalidBundle, match="lung"):
        segments_of({"segments": {}}, ["lung"])
    with pytest.raises(InvalidBundle, match="category"):
        segments_of({"segments": {"lung": {"label": "Lung"}}}, ["lung"])
