import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from medgantry.errors import InvalidInput, Mismatch
from medgantry.evaluation.registration.folding import regularity
from medgantry.evaluation.segmentation.dice import dice
from medgantry.phantoms.lung_pairs import DAMAGES, main, write_pairs
from medgantry.phantoms.lung_pairs.breathing import Breathing

SMALL = (36, 36, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs")
    write_pairs(path, pairs=3, seed=5, size=SMALL)
    return path


def voxels(path):
    return np.asarray(nib.load(path).dataobj)


def keypoints(path):
    with path.open(newline="") as stream:
        return np.array(list(csv.reader(stream)), dtype=float)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def breath(seed=0):
    return Breathing.draw(np.random.default_rng(seed), np.array([96.0, 96.0, 80.0]))


def test_the_list_is_learn2regs(folder):
    document = json.loads((folder / "LungPhantom_dataset.json").read_text())
    assert (document["modality"], document["numPairedTraining"]) == ({"0": "CT"}, 3)
    assert document["training_paired_images"][0] == {
        "fixed": "./imagesTr/LungPhantom_0001_0000.nii.gz",
        "moving": "./imagesTr/LungPhantom_0001_0001.nii.gz",
    }
    assert len(document["training"]) == 6
    for entry in document["training"]:
        image, mask = nib.load(folder / entry["image"]), nib.load(folder / entry["mask"])
        assert image.shape == mask.shape == SMALL
        assert (image.get_data_dtype(), mask.get_data_dtype()) == (np.int16, np.uint8)
        np.testing.assert_array_equal(image.affine, mask.affine)
        assert keypoints(folder / entry["keypoints"]).shape == (60, 3)


def test_both_images_of_a_pair_lie_on_one_grid_and_grids_differ_between_pairs(folder):
    affines = [nib.load(path).affine for path in sorted((folder / "imagesTr").glob("*"))]
    for fixed, moving in zip(affines[::2], affines[1::2], strict=True):
        np.testing.assert_array_equal(fixed, moving)
    assert len({"".join(nib.aff2axcodes(affine)) for affine in affines}) == 2


def test_masks_of_a_pair_differ_enough_to_be_registered(folder):
    masks = [voxels(path) > 0 for path in sorted((folder / "masksTr").glob("*"))]
    for fixed, moving in zip(masks[::2], masks[1::2], strict=True):
        assert 0.4 < dice(fixed, moving) < 0.85
        assert moving.sum() > 1.1 * fixed.sum()  # breathed in


def test_keypoints_are_the_same_places_of_the_body(folder):
    # Vessels are bright in dark lungs: what lies at corresponding places is alike, and at equal places it is not.
    images = [voxels(path).astype(float) for path in sorted((folder / "imagesTr").glob("*"))]
    points = [keypoints(path) for path in sorted((folder / "keypointsTr").glob("*"))]
    values = [map_coordinates(image, p.T, order=1) for image, p in zip(images, points, strict=True)]
    unmoved = [map_coordinates(images[n + 1], points[n].T, order=1) for n in (0, 2, 4)]
    alike = np.corrcoef(np.concatenate(values[::2]), np.concatenate(values[1::2]))[0, 1]
    by_chance = np.corrcoef(np.concatenate(values[::2]), np.concatenate(unmoved))[0, 1]
    assert alike > 0.85
    assert by_chance < 0.5


@pytest.mark.parametrize("seed", range(5))
def test_breathing_never_folds_and_is_undone_exactly(seed):
    breathing = breath(seed)
    grid = np.indices((24, 24, 20), dtype=float)
    points = (grid.reshape(3, -1).T * 8) - np.array([92.0, 92.0, 76.0])
    moved = breathing.displacement(points)
    assert regularity(moved.T.reshape(3, 24, 24, 20) / 8).folded_share == 0
    np.testing.assert_allclose(breathing.origin(points + moved), points, atol=1e-3)


def test_the_same_seed_gives_the_same_bytes_however_many_pairs_there_are(folder, tmp_path):
    write_pairs(tmp_path, pairs=1, seed=5, size=SMALL)
    wanted = contents(folder)
    for name, content in contents(tmp_path).items():
        if name.endswith((".nii.gz", ".csv")):
            assert content == wanted[name]


def test_damages_are_in_the_files_and_in_the_truth(tmp_path):
    write_pairs(tmp_path, pairs=5, damaged=4, seed=5, size=SMALL)
    truth = json.loads((tmp_path / "truth.json").read_text())["pairs"]
    assert [pair["damage"] for pair in truth.values()] == [None, *DAMAGES]
    assert not (tmp_path / "imagesTr/LungPhantom_0002_0001.nii.gz").exists()
    assert not voxels(tmp_path / "masksTr/LungPhantom_0003_0000.nii.gz").any()
    assert voxels(tmp_path / "imagesTr/LungPhantom_0004_0001.nii.gz").shape != SMALL
    with pytest.raises(EOFError):
        voxels(tmp_path / "imagesTr/LungPhantom_0005_0000.nii.gz")


def test_a_folder_is_written_once_and_never_over_another(folder, tmp_path):
    before = contents(folder)
    write_pairs(folder, pairs=3, seed=5, size=SMALL)
    assert contents(folder) == before
    with pytest.raises(Mismatch):
        write_pairs(folder, pairs=3, seed=6, size=SMALL)


@pytest.mark.parametrize(
    "wrong", [{"pairs": 0}, {"damaged": 2, "pairs": 1}, {"seed": -1}, {"size": (8, 36, 36)}]
)
def test_settings_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(InvalidInput):
        write_pairs(tmp_path, **{"pairs": 2, **wrong})


def test_command_line_says_what_is_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), "--pairs", "0"])
    assert stopped.value.code == 2
    assert "at least one pair" in capsys.readouterr().err
