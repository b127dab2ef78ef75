"""A registration bundle with an answer that we know, on source files in several orientations; SimpleITK is the oracle."""

import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch

from medgantry.bundles import open_bundle
from medgantry.bundles.bundle import WEIGHTS
from medgantry.errors import InvalidInput
from medgantry.inference.registrar import Displacement, Registrar
from medgantry.registration import DisplacementNet

SHAPE = (24, 20, 28)
RIGHT_8_MM = "$lambda image, network: torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1, 1).expand(1, 3, *image.shape[2:])"
SMOOTH = (
    "$lambda image, network: torch.nn.functional.interpolate(torch.arange(81.0).sin().reshape(1, 3, 3, 3, 3), "
    "size=image.shape[2:], mode='trilinear')"
)


def make_bundle(folder, answer):
    """Whatever the network says, the inferer gives this answer, in voxels of 8 mm along R, A, S."""
    override = {"spacing": [8, 8, 8], "channels": 2, "depth": 1, "inferer": answer, "device": "cpu"}
    bundle = open_bundle("medgantry:lung_registration", json.dumps(override), folder)
    (folder / WEIGHTS).parent.mkdir(exist_ok=True)
    torch.save(DisplacementNet(channels=2, depth=1).state_dict(), folder / WEIGHTS)
    return bundle


def write_pair(folder, orientation="RAS", spacing=(4.0, 5.0, 3.0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-40, -60, 20)
    flips = nib.orientations.axcodes2ornt(orientation)
    affine = affine @ nib.orientations.inv_ornt_aff(flips, SHAPE)
    rng = np.random.default_rng(0)
    item = {}
    for role in ("fixed", "moving"):
        voxels = rng.normal(-400, 300, SHAPE).astype(np.float32)
        item[role] = folder / f"{role}.nii.gz"
        nib.save(nib.Nifti1Image(nib.orientations.apply_orientation(voxels, flips), affine), item[role])
    return item


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRA"])
def test_a_displacement_is_in_the_bodys_frame_whatever_the_files_axes(tmp_path, orientation):
    item = write_pair(tmp_path, orientation)
    found = Registrar(make_bundle(tmp_path / "b", RIGHT_8_MM)).predict_case(item).displacement
    wanted = np.array([8.0, 0.0, 0.0])[:, None, None, None]
    np.testing.assert_allclose(found.millimetres, np.broadcast_to(wanted, found.millimetres.shape), atol=1e-4)
    affine = nib.load(item["fixed"]).affine
    indices = np.linalg.inv(affine[:3, :3]) @ [8, 0, 0]
    np.testing.assert_allclose(found.voxels[:, 3, 4, 5], indices, atol=1e-5)


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRA"])
def test_simpleitk_reads_the_field_and_warps_alike(tmp_path, orientation):
    item = write_pair(tmp_path, orientation)
    found = Registrar(make_bundle(tmp_path / "b", SMOOTH)).predict_case(item)
    found.save(tmp_path / "displacement.nii.gz", tmp_path / "warped.nii.gz")
    field = SimpleITK.ReadImage(str(tmp_path / "displacement.nii.gz"), SimpleITK.sitkVectorFloat64)
    fixed, moving = (
        SimpleITK.ReadImage(str(item[role]), SimpleITK.sitkFloat32) for role in ("fixed", "moving")
    )
    transform = SimpleITK.DisplacementFieldTransform(field)
    theirs = SimpleITK.GetArrayFromImage(
        SimpleITK.Resample(moving, fixed, transform, SimpleITK.sitkLinear, -9999)
    )
    ours = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "warped.nii.gz")))
    inside = theirs > -9000  # beyond the border ITK has nothing, and MONAI the border's value
    assert inside.mean() > 0.7
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=0.5)
    assert np.abs(ours - SimpleITK.GetArrayFromImage(moving))[inside].mean() > 50


def test_what_is_saved_is_what_is_loaded(tmp_path):
    found = Registrar(make_bundle(tmp_path / "b", SMOOTH)).predict_case(write_pair(tmp_path, "LPS"))
    found.save(tmp_path / "d.nii.gz", tmp_path / "w.nii.gz")
    image = nib.load(tmp_path / "d.nii.gz")
    assert image.shape == (*found.warped.shape, 1, 3)
    assert image.header.get_intent()[0] == "displacement vector"
    loaded = Displacement.load(tmp_path / "d.nii.gz")
    np.testing.assert_allclose(loaded.voxels, found.displacement.voxels, atol=1e-5)
    np.testing.assert_array_equal(nib.load(tmp_path / "w.nii.gz").get_fdata(), found.warped)


def test_images_on_two_grids_are_refused(tmp_path):
    item = write_pair(tmp_path)
    (tmp_path / "other").mkdir()
    item["moving"] = write_pair(tmp_path / "other", spacing=(4.0, 5.0, 3.1))["moving"]
    with pytest.raises(InvalidInput, match="one grid"):
        Registrar(make_bundle(tmp_path / "b", SMOOTH)).predict_case(item)


@pytest.mark.parametrize(
    "answer", ["$lambda image, network: image", "$lambda image, network: image[:, [0, 0, 0]] / 0"]
)
def test_an_answer_that_is_no_displacement_is_refused(tmp_path, answer):
    with pytest.raises(InvalidInput, match="finite displacements"):
        Registrar(make_bundle(tmp_path / "b", answer)).predict_case(write_pair(tmp_path))
