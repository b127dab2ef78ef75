"""What holds for every format of volumes. A further format is one writer in `WRITERS`."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.ingest.nifti_facts import read_facts
from medgantry.ingest.volumes.convert import as_nifti
from medgantry.ingest.volumes.formats import FORMATS, NIFTI_SUFFIXES, companions
from medgantry.ledger import Unusable

VOXELS = np.random.default_rng(0).integers(-1000, 3000, (7, 6, 5)).astype(np.int16)
COS, SIN = np.cos(0.3), np.sin(0.3)
AFFINE = np.array([[-COS, 1.5 * SIN, 0, 90], [-SIN, -1.5 * COS, 0, 70.5], [0, 0, 2.5, -40.25], [0, 0, 0, 1]])
"""Oblique: rotated about the body's axis, with three spacings and an origin; voxel index -> RAS+ mm."""


def _itk(path: Path, voxels: np.ndarray, affine: np.ndarray, *, packed: bool = False) -> None:
    """Through SimpleITK, which wants LPS and the slowest axis first."""
    flip = np.diag([-1.0, -1.0, 1.0])
    axes = tuple(range(min(voxels.ndim, 3)))[::-1] + ((3,) if voxels.ndim == 4 else ())
    image = SimpleITK.GetImageFromArray(voxels.transpose(axes), isVector=voxels.ndim == 4)
    if image.GetDimension() == 3:
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((flip @ affine[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin((flip @ affine[:3, 3]).tolist())
    SimpleITK.WriteImage(image, str(path), packed)


def _npy(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    np.save(path, voxels)
    path.with_suffix(".json").write_text(json.dumps({"affine": affine.tolist()}))


def _nifti(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(voxels, affine), path)


Writer = Callable[[Path, np.ndarray, np.ndarray], None]
WRITERS: dict[str, Writer] = {
    "a.nii": _nifti,
    "a.nii.gz": _nifti,
    "a.npy": _npy,
    "a.npz": lambda path, voxels, affine: np.savez(path, voxels=voxels, affine=affine),
    "packed.npz": lambda path, voxels, affine: np.savez_compressed(path, voxels=voxels, affine=affine),
    "a.nrrd": _itk,
    "packed.nrrd": lambda path, voxels, affine: _itk(path, voxels, affine, packed=True),
    "a.nhdr": _itk,
    "packed.nhdr": lambda path, voxels, affine: _itk(path, voxels, affine, packed=True),
    "a.mha": _itk,
    "packed.mha": lambda path, voxels, affine: _itk(path, voxels, affine, packed=True),
    "a.mhd": _itk,
    "packed.mhd": lambda path, voxels, affine: _itk(path, voxels, affine, packed=True),
}


@pytest.fixture(params=sorted(WRITERS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def _write(
    folder: Path, name: str, voxels: np.ndarray = VOXELS, affine: np.ndarray = AFFINE
) -> tuple[Path, Path]:
    """The file that a cohort names, and the one that holds the voxels."""
    (folder / "source").mkdir()
    path = folder / "source" / name
    WRITERS[name](path, voxels, affine)
    others = [other for other in (folder / "source").iterdir() if other != path and other.suffix != ".json"]
    return path, others[0] if others else path


def _read(path: Path, folder: Path, *, is_label: bool = False) -> nib.Nifti1Image:
    (folder / "converted").mkdir(exist_ok=True)
    readable = as_nifti(path, folder / "converted")
    read_facts(readable, is_label=is_label)
    return nib.load(readable)


def _verdict(path: Path, folder: Path) -> Unusable:
    with pytest.raises(Unusable) as caught:
        _read(path, folder)
    assert caught.value.rule
    assert caught.value.remedy
    return caught.value


def test_every_registered_suffix_is_held_to_the_contract() -> None:
    registered = {*NIFTI_SUFFIXES, *(suffix for kind in FORMATS for suffix in kind.suffixes)}
    assert registered == {name[name.index(".") :] for name in WRITERS}


def test_voxels_and_geometry_come_back(name: str, tmp_path: Path) -> None:
    image = _read(_write(tmp_path, name)[0], tmp_path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), VOXELS)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-4)
    assert image.get_data_dtype() == np.int16


def test_channels_come_last(name: str, tmp_path: Path) -> None:
    voxels = np.stack([VOXELS, VOXELS + 1, VOXELS * 2, VOXELS - 5], axis=-1)
    image = _read(_write(tmp_path, name, voxels)[0], tmp_path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), voxels)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.float32, np.float64])
def test_no_number_changes(name: str, dtype: type, tmp_path: Path) -> None:
    voxels = np.abs(VOXELS % 200).astype(dtype)
    image = _read(_write(tmp_path, name, voxels)[0], tmp_path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), voxels)


def test_a_conversion_has_the_same_bytes_each_time(name: str, tmp_path: Path) -> None:
    path, _ = _write(tmp_path, name)
    contents = []
    for folder in (tmp_path / "1", tmp_path / "2"):
        folder.mkdir()
        contents.append(as_nifti(path, folder).read_bytes())
    assert contents[0] == contents[1]
    if not path.name.startswith(("a.nii", "packed.nii")):
        assert contents[0][4:8] == b"\0\0\0\0"  # no time in gzip's header
        assert gzip.decompress(contents[0])[352:] == VOXELS.tobytes("F")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_a_truncated_file_is_rejected(name: str, share: float, tmp_path: Path) -> None:
    path, data = _write(tmp_path, name)
    content = data.read_bytes()
    data.write_bytes(content[: min(int(len(content) * share), len(content) - 1)])
    verdict = _verdict(path, tmp_path)
    assert path.name.split(".")[0] in verdict.evidence


def test_nan_is_rejected(name: str, tmp_path: Path) -> None:
    voxels = VOXELS.astype(np.float32)
    voxels[1, 2, 3] = np.nan
    verdict = _verdict(_write(tmp_path, name, voxels)[0], tmp_path)
    assert verdict.rule == "intensities are finite"
    assert "1 NaN" in verdict.evidence


@pytest.mark.parametrize(
    "name", sorted(set(WRITERS) - {"a.nii", "a.nii.gz"})
)  # nibabel writes two axes as three
def test_a_picture_is_no_volume(name: str, tmp_path: Path) -> None:
    assert _verdict(_write(tmp_path, name, VOXELS[..., 0])[0], tmp_path)


def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    path, data = _write(tmp_path, name)
    data.unlink()
    verdict = _verdict(path, tmp_path)
    assert verdict.rule == "every listed file exists"
    assert data.name in verdict.evidence


def test_files_that_belong_together_are_known_by_the_first(name: str, tmp_path: Path) -> None:
    path, _ = _write(tmp_path, name)
    others = {other.name for other in path.parent.iterdir()} - {name}
    assert set(companions(name, lambda: path)) == others


@settings(deadline=None)
@given(
    name=st.sampled_from(sorted(WRITERS)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1) | st.just(1.0),
)
def test_whatever_the_bytes_are_there_is_a_verdict(
    name: str, changes: list[tuple[float, int]], kept: float
) -> None:
    with TemporaryDirectory() as scratch:
        path, _ = _write(Path(scratch), name, VOXELS[:3, :3, :2])
        content = bytearray(path.read_bytes())
        for place, value in changes:
            content[int(place * len(content))] = value
        path.write_bytes(content[: int(kept * len(content))])
        companions(name, lambda: path)
        verdict = None
        try:
            image = _read(path, Path(scratch))
        except Unusable as found:
            verdict = found
        if verdict:
            assert verdict.rule
            assert verdict.evidence
            assert verdict.remedy
        else:
            assert len(image.shape) in (3, 4)
            assert np.isfinite(image.affine).all()
