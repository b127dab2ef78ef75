from pathlib import Path

import nibabel
import numpy as np
import pytest

from medgantry.inference.nifti_writing import save_nifti


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_the_file_is_nibabels(tmp_path: Path, order: str, name: str, kind: type) -> None:
    voxels = np.asarray(np.random.default_rng(0).integers(0, 5, (7, 6, 5)), dtype=kind, order=order)
    header = nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.9, 1.5, 1.0])).header
    header.set_xyzt_units("mm")
    save_nifti(voxels, header, tmp_path / name)
    nibabel.save(nibabel.Nifti1Image(voxels, None, header), tmp_path / f"theirs-{name}")
    ours, theirs = nibabel.load(tmp_path / name), nibabel.load(tmp_path / f"theirs-{name}")
    assert ours.header.binaryblock == theirs.header.binaryblock
    np.testing.assert_array_equal(np.asanyarray(ours.dataobj), voxels)


def test_the_same_twice_is_the_same_file(tmp_path: Path) -> None:
    voxels = np.ones((4, 4, 4), dtype=np.uint8)
    header = nibabel.Nifti1Image(voxels, np.eye(4)).header
    for name in ("one.nii.gz", "other.nii.gz"):
        save_nifti(voxels, header, tmp_path / name)
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "other.nii.gz").read_bytes()
