from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from medgantry.phantoms.dicom.multiframe import make_multiframe
from medgantry.phantoms.dicom.series import Series, make_series, mr_spec, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec

SMALL = SeriesSpec(slices=5, rows=12, columns=14, slice_spacing_mm=5.0)
ORDER = (3, 0, 4, 1, 2)
SLOPES = replace(SMALL, rescale_slope=(1.0, 2.0, 1.5, 0.5, 1.25))


@pytest.mark.parametrize("spec", [SMALL, mr_spec(SMALL), SLOPES], ids=["CT", "MR", "slopes"])
@pytest.mark.parametrize("shared", [True, False])
def test_highdicom_reads_the_truth(spec: SeriesSpec, shared: bool, tmp_path: Path) -> None:
    series = make_series(spec)
    dataset = make_multiframe(series, order=ORDER, shared=shared)
    write_dataset(dataset, tmp_path / "1.dcm")
    volume = hd.imread(tmp_path / "1.dcm").get_volume(apply_real_world_transform=False)
    along = volume.affine[:3, 0] @ series.affine[:3, 0] > 0
    array, affine = (volume.array, volume.affine) if along else (volume.array[::-1], volume[::-1].affine)
    np.testing.assert_allclose(affine, series.affine, atol=1e-5)
    np.testing.assert_array_equal(array, series.voxels)


def test_frames_come_in_the_order_asked_for() -> None:
    series = make_series(SMALL)
    dataset = make_multiframe(series, order=ORDER[:3])
    assert dataset.NumberOfFrames == 3
    np.testing.assert_array_equal(dataset.pixel_array, series.stored[list(ORDER[:3])])
    positions = [
        f.PlanePositionSequence[0].ImagePositionPatient for f in dataset.PerFrameFunctionalGroupsSequence
    ]
    np.testing.assert_allclose(positions, SMALL.slice_positions_mm[list(ORDER[:3])])


def test_slopes_that_differ_stand_in_every_frame() -> None:
    series: Series = make_series(SLOPES)
    dataset = make_multiframe(series)
    assert "PixelValueTransformationSequence" not in dataset.SharedFunctionalGroupsSequence[0]
    slopes = [
        frame.PixelValueTransformationSequence[0].RescaleSlope
        for frame in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert slopes == list(SLOPES.slopes)
    assert isinstance(dataset, pydicom.Dataset)
