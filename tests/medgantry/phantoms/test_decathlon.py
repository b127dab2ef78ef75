from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medgantry.phantoms.decathlon import turn, write_image, write_label, write_stray_file

AFFINE = np.array([[1.5, 0, 0, -20.0], [0, 1.5, 0, 3.0], [0, 0, 2.0, 7.0], [0, 0, 0, 1]])


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 2)])
@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR"])
def test_turning_moves_no_voxel_in_the_world(shape: tuple[int, ...], orientation: str) -> None:
    voxels = np.arange(np.prod(shape)).reshape(shape)
    turned, affine = turn(voxels, AFFINE, orientation)
    assert "".join(nib.aff2axcodes(affine)) == orientation
    for value in (0, 17, voxels.size - 1):
        there, here = np.argwhere(voxels == value)[0][:3], np.argwhere(turned == value)[0][:3]
        np.testing.assert_allclose(affine @ [*here, 1], AFFINE @ [*there, 1])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    voxels = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    write_image(tmp_path / "a.nii.gz", voxels, AFFINE)
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), voxels)
    np.testing.assert_allclose(image.affine, AFFINE)
    assert image.header.get_xyzt_units() == ("mm", "sec")


def test_a_damage_touches_the_file_it_names_and_no_other(tmp_path: Path) -> None:
    voxels = np.ones((4, 5, 6), dtype=np.uint8)
    for name, write in (("image", write_image), ("label", write_label)):
        for damage in (None, "truncated image", "label of another shape", "affine with NaN", "missing image"):
            write(tmp_path / f"{name} {damage}", voxels, AFFINE, damage)
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    sound = contents["image None"]
    assert "image missing image" not in contents
    assert sound.startswith(contents["image truncated image"])
    assert contents["image affine with NaN"] != sound
    assert contents["image label of another shape"] == sound
    assert contents["label label of another shape"] != sound
    for damage in ("truncated image", "affine with NaN", "missing image"):
        assert contents[f"label {damage}"] == sound


def test_a_stray_file_is_no_image(tmp_path: Path) -> None:
    write_stray_file(tmp_path / "a.nii.gz")
    with pytest.raises(nib.filebasedimages.ImageFileError):
        nib.load(tmp_path / "._a.nii.gz")
