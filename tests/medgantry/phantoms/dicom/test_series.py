from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import UID

from medgantry.errors import InvalidInput
from medgantry.phantoms.dicom.anatomy import Ellipsoid
from medgantry.phantoms.dicom.pixels import TRANSFER_SYNTAXES, PixelFormat
from medgantry.phantoms.dicom.series import (
    Series,
    make_series,
    mr_spec,
    pet_spec,
    write_series,
)
from medgantry.phantoms.dicom.spec import CORONAL, SAGITTAL, SeriesSpec

SMALL = SeriesSpec(slices=5, rows=12, columns=14, slice_spacing_mm=5.0)
OBLIQUE = (0.9396926, 0.3420202, 0.0, -0.2418448, 0.6644630, -0.7071068)
UNSIGNED = replace(SMALL, pixels=PixelFormat(bits_stored=12, high_bit=11, signed=False))


def _rescaled(series: Series, folder: Path) -> np.ndarray:
    slices = []
    for path in write_series(series, folder):
        dataset = pydicom.dcmread(path)
        values = dataset.pixel_array.astype(np.float64)
        slices.append(values * dataset.get("RescaleSlope", 1) + dataset.get("RescaleIntercept", 0))
    return np.stack(slices)


@pytest.mark.parametrize("orientation", [SMALL.orientation, SAGITTAL, CORONAL, OBLIQUE])
@pytest.mark.parametrize("bottom_up", [True, False])
def test_highdicom_reads_the_truth(orientation: tuple[float, ...], bottom_up: bool) -> None:
    series = make_series(replace(SMALL, orientation=orientation, bottom_up=bottom_up))
    volume = hd.get_volume_from_series(series.datasets)
    # highdicom may turn the slice axis around: compare where the voxels lie, not how they are counted.
    along = volume.affine[:3, 0] @ series.affine[:3, 0] > 0
    array, affine = (volume.array, volume.affine) if along else (volume.array[::-1], volume[::-1].affine)
    np.testing.assert_allclose(affine, series.affine, atol=1e-5)
    np.testing.assert_array_equal(array, series.voxels)


@pytest.mark.parametrize("change", [lambda spec: spec, mr_spec, pet_spec])
def test_simpleitk_reads_the_truth(change: object, tmp_path: Path) -> None:
    series = make_series(change(SMALL))  # type: ignore[operator]
    write_series(series, tmp_path)
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = sitk.ReadImage(files, sitk.sitkFloat32)
    np.testing.assert_allclose(sitk.GetArrayFromImage(image), series.voxels, rtol=1e-5)
    np.testing.assert_allclose(image.GetOrigin(), series.affine[:3, 3], atol=1e-6)
    np.testing.assert_allclose(image.GetSpacing(), (0.8, 0.7, 5.0), atol=1e-6)


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("spec", [SMALL, UNSIGNED], ids=["signed", "unsigned"])
def test_every_transfer_syntax_decodes_to_the_truth(syntax: UID, spec: SeriesSpec, tmp_path: Path) -> None:
    large = replace(spec, slices=2, rows=32, columns=40)  # JPEG 2000 needs 32 rows
    series = make_series(replace(large, transfer_syntax=syntax))
    np.testing.assert_array_equal(_rescaled(series, tmp_path), series.voxels)
    assert {pydicom.dcmread(path).file_meta.TransferSyntaxUID for path in tmp_path.iterdir()} == {syntax}
    assert pydicom.dcmread(next(tmp_path.iterdir())).SOPInstanceUID in {
        d.SOPInstanceUID for d in series.datasets
    }


@pytest.mark.parametrize(
    "pixels",
    [
        PixelFormat(bits_allocated=8, bits_stored=8, high_bit=7, signed=False),
        PixelFormat(bits_stored=10, high_bit=9, signed=False),
        PixelFormat(bits_stored=13, high_bit=12, signed=True),
        PixelFormat(bits_allocated=32, bits_stored=32, high_bit=31, signed=True),
    ],
)
def test_every_bit_depth_decodes_to_the_truth(pixels: PixelFormat, tmp_path: Path) -> None:
    series = make_series(replace(SMALL, pixels=pixels))
    np.testing.assert_array_equal(_rescaled(series, tmp_path), series.voxels)


def test_every_pet_slice_has_its_own_slope(tmp_path: Path) -> None:
    series = make_series(pet_spec(SMALL))
    assert len({dataset.RescaleSlope for dataset in series.datasets}) == SMALL.slices
    np.testing.assert_allclose(_rescaled(series, tmp_path), series.voxels, rtol=1e-6)
    assert series.voxels.max() < 32767  # nothing was clipped


def test_every_slice_differs_and_some_stored_values_are_negative() -> None:
    for noise in (True, False):
        series = make_series(replace(SMALL, noise=noise))
        assert len({image.tobytes() for image in series.voxels}) == SMALL.slices
    assert make_series(SMALL).stored.min() < 0


def test_padding_lies_outside_a_circle() -> None:
    series = make_series(replace(SMALL, padding_value=-2000))
    assert 0.1 < series.padding.mean() < 0.4
    assert set(series.voxels[series.padding].tolist()) == {-3024.0}
    assert series.voxels[~series.padding].min() > -1100
    assert series.datasets[0].PixelPaddingValue == -2000


def test_series_of_a_study_share_what_they_should() -> None:
    first = make_series(SMALL)
    second = make_series(replace(SMALL, series_number=3, kernel="B70f"))
    assert first.datasets[0].StudyInstanceUID == second.datasets[0].StudyInstanceUID
    assert first.datasets[0].FrameOfReferenceUID == second.datasets[0].FrameOfReferenceUID
    assert first.datasets[0].SeriesInstanceUID != second.datasets[0].SeriesInstanceUID
    assert not (first.voxels == second.voxels).all()  # other noise
    assert np.abs(first.voxels - second.voxels).max() < 100  # same body


def test_a_lesion_is_where_its_mask_says() -> None:
    lesion = Ellipsoid(centre=(0.1, 0.2, -0.1), radii=(0.4, 0.3, 0.3), contrast=400.0)
    plain = make_series(replace(SMALL, noise=False))
    series = make_series(replace(SMALL, noise=False, lesions=(lesion,)))
    (mask,) = series.lesion_masks
    difference = series.voxels - plain.voxels
    assert 0 < mask.sum() < mask.size / 4
    assert difference[mask].min() >= 195
    assert difference[~mask].max() <= 205


def test_instance_numbers_follow_the_settings() -> None:
    def numbers(**changes: object) -> list[int]:
        series = make_series(replace(SMALL, **changes))  # type: ignore[arg-type]
        return [int(dataset.InstanceNumber) for dataset in series.datasets]

    assert numbers() == [1, 2, 3, 4, 5]
    assert numbers(instance_number_start=0, bottom_up=False) == [4, 3, 2, 1, 0]


def test_file_names_do_not_follow_the_slices(tmp_path: Path) -> None:
    paths = write_series(make_series(SMALL), tmp_path)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert sorted(paths) != paths
    assert {path.name for path in paths} == {f"2-0{number}.dcm" for number in range(1, 6)}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    def contents(name: str, seed: int) -> list[bytes]:
        return [
            path.read_bytes()
            for path in write_series(make_series(replace(SMALL, seed=seed)), tmp_path / name)
        ]

    assert contents("a", 3) == contents("b", 3)
    assert contents("a", 3) != contents("c", 4)


@pytest.mark.parametrize(
    "changes",
    [{"slices": 0}, {"rescale_slope": (1.0, 2.0)}, {"orientation": (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)}],
)
def test_senseless_settings_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        make_series(replace(SMALL, **changes))  # type: ignore[arg-type]
