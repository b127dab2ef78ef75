import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from medgantry.ingest.volumes.convert import as_nifti
from medgantry.ledger import Unusable

VOXELS = np.arange(24, dtype=np.int16).reshape(4, 3, 2)


def _rule(path: Path) -> str:
    with pytest.raises(Unusable) as caught:
        as_nifti(path, path.parent)
    return caught.value.rule


def test_a_spacing_stands_for_axes_to_the_right_anterior_and_superior(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", voxels=VOXELS, spacing_mm=[1.0, 1.5, 2.0])
    np.save(tmp_path / "b.npy", np.asfortranarray(VOXELS))
    (tmp_path / "b.json").write_text('{"spacing_mm": [1.0, 1.5, 2.0]}')
    for name in ("a.npz", "b.npy"):
        image = nib.load(as_nifti(tmp_path / name, tmp_path))
        np.testing.assert_allclose(image.affine, np.diag([1.0, 1.5, 2.0, 1.0]))
        np.testing.assert_array_equal(np.asanyarray(image.dataobj), VOXELS)


def test_an_array_alone_is_rejected_with_what_to_write(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VOXELS)
    with pytest.raises(Unusable) as caught:
        as_nifti(tmp_path / "a.npy", tmp_path)
    assert caught.value.rule == "a volume says where its voxels are"
    assert "a.json" in caught.value.remedy
    assert "spacing_mm" in caught.value.remedy


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        [],
        {"affine": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]},
        {"affine": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]]},
        {"spacing_mm": [1, 1]},
        {"spacing_mm": [1, 0, 1]},
        {"spacing_mm": [1, float("nan"), 1]},
    ],
)
def test_a_geometry_that_is_none_is_rejected(geometry: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VOXELS)
    (tmp_path / "a.json").write_text(json.dumps(geometry))
    assert _rule(tmp_path / "a.npy") == "a volume says where its voxels are"


@pytest.mark.parametrize(
    ("affine", "rule"),
    [
        (np.full((4, 4), np.nan), "a volume says where its voxels are"),
        (np.diag([1.0, 1.0, np.inf, 1.0]), "the affine is finite"),
        (np.diag([1.0, 0.0, 1.0, 1.0]), "the affine is invertible"),
    ],
)
def test_an_impossible_affine_is_rejected(affine: np.ndarray, rule: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", voxels=VOXELS, affine=affine)
    assert _rule(tmp_path / "a.npz") == rule


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    objects = np.array([Trap()], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    (tmp_path / "a.json").write_text('{"spacing_mm": [1, 1, 1]}')
    np.savez(tmp_path / "b.npz", voxels=objects, spacing_mm=[1, 1, 1])
    np.savez(tmp_path / "c.npz", voxels=VOXELS, affine=objects)
    for name in ("a.npy", "b.npz", "c.npz"):
        assert _rule(tmp_path / name) == "a voxel is one real number"
    assert not (tmp_path / "sprung").exists()


def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VOXELS)
    (tmp_path / "a.json").write_text('{"spacing_mm": [1, 1, 1]}')
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data.replace(b"(4, 3, 2), }        ", b"(4, 300000000, 2), }"))
    assert _rule(tmp_path / "a.npy") == "the file holds the voxels its header promises"


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (np.int64, np.int32),
        (np.uint64, np.int32),
        (np.float16, np.float32),
        (np.bool_, np.uint8),
        (">i2", np.int16),
        (">f8", np.float64),
    ],
)
def test_a_type_that_few_read_is_stored_as_one_that_all_read(dtype: Any, stored: Any, tmp_path: Path) -> None:
    voxels = (VOXELS % 2).astype(dtype)
    np.savez(tmp_path / "a.npz", voxels=voxels, spacing_mm=[1, 1, 1])
    image = nib.load(as_nifti(tmp_path / "a.npz", tmp_path))
    assert image.get_data_dtype() == np.dtype(stored)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), voxels)


@pytest.mark.parametrize(
    ("voxels", "rule"),
    [
        (np.full((2, 2, 2), 2**40), "voxel values fit 32 bits"),
        (np.array([-1, 2**31] * 4).reshape(2, 2, 2), "voxel values fit 32 bits"),
        (VOXELS.astype(np.complex64), "a voxel is one real number"),
        (np.empty((0, 2, 2), np.int64), "a volume has three or four axes"),
    ],
)
def test_what_nifti_cannot_hold_is_rejected(voxels: np.ndarray, rule: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", voxels=voxels, spacing_mm=[1, 1, 1])
    assert _rule(tmp_path / "a.npz") == rule


def test_an_archive_without_voxels_is_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=VOXELS)
    assert _rule(tmp_path / "a.npz") == "an .npz holds `voxels` and its geometry"


def test_an_unknown_format_is_rejected_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "a.mgz").write_bytes(b"x")
    with pytest.raises(Unusable, match=r"\.nii\.gz.*\.nrrd.*\.mha"):
        as_nifti(tmp_path / "a.mgz", tmp_path)
