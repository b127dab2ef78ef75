import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.phantoms.brain_tumor import main, write_task

SMALL = (28, 32, 24)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    write_task(folder, cases=6)
    return folder


def _cases(folder: Path) -> list[tuple[Path, Path]]:
    listed = json.loads((folder / "dataset.json").read_text())["training"]
    return [(folder / case["image"], folder / case["label"]) for case in listed]


def _voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_dataset_json_is_the_decathlons(task: Path) -> None:
    description = json.loads((task / "dataset.json").read_text())
    assert description["name"] == "BRATS"
    assert description["tensorImageSize"] == "4D"
    assert description["modality"] == {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
    assert list(description["labels"]) == ["0", "1", "2", "3"]
    assert (description["numTraining"], description["numTest"], description["test"]) == (6, 0, [])
    assert description["training"][0] == {
        "image": "./imagesTr/BRATS_001.nii.gz",
        "label": "./labelsTr/BRATS_001.nii.gz",
    }


def test_files_have_the_decathlons_shapes_and_types(task: Path) -> None:
    for image_file, label_file in _cases(task):
        image, label = nib.load(image_file), nib.load(label_file)
        assert image.shape == (56, 64, 44, 4)
        assert label.shape == (56, 64, 44)
        assert image.get_data_dtype() == np.int16
        assert label.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(image.affine, label.affine)
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-3)
        assert image.header.get_xyzt_units() == ("mm", "sec")
        assert image_file.stat().st_size < 1_500_000


def test_a_stray_macos_file_lies_among_the_images(task: Path) -> None:
    with pytest.raises(nib.filebasedimages.ImageFileError):
        nib.load(task / "imagesTr" / "._BRATS_001.nii.gz")


def test_geometry_varies_and_the_affine_says_so(task: Path) -> None:
    images = [nib.load(image) for image, _ in _cases(task)]
    assert len({nib.aff2axcodes(image.affine) for image in images}) > 1
    assert len({image.header.get_zooms()[:3] for image in images}) == len(images)
    for image in images:
        assert all(1.5 <= zoom <= 2.0 for zoom in image.header.get_zooms()[:3])
        assert (image.affine[:3, 3] != 0).all()
        middle = image.affine @ [*(np.array(image.shape[:3]) / 2), 1]
        assert (np.abs(middle[:3]) < 15).all()  # flipped axes move the origin, never the head


def test_regions_are_nested_and_large_enough(task: Path) -> None:
    for image_file, label_file in _cases(task):
        brain = (_voxels(image_file) > 0).all(axis=-1)
        label = _voxels(label_file)
        whole, core, enhancing = label > 0, label > 1, label > 2
        assert not (whole & ~brain).any()
        assert 0.08 <= whole.sum() / brain.sum() <= 0.15
        assert 0.40 <= core.sum() / whole.sum() <= 0.50
        assert 0.45 <= enhancing.sum() / core.sum() <= 0.55


def test_background_is_exactly_zero_in_every_channel(task: Path) -> None:
    for image_file, _ in _cases(task):
        image = _voxels(image_file)
        foreground = image > 0
        assert (foreground.all(axis=-1) == foreground.any(axis=-1)).all()
        assert 0.3 < foreground[..., 0].mean() < 0.5
        assert image.min() == 0


def test_regions_have_the_contrast_radiologists_know(task: Path) -> None:
    for image_file, label_file in _cases(task):
        image, label = _voxels(image_file), _voxels(label_file)
        healthy = np.median(image[(label == 0) & (image[..., 0] > 0)], axis=0)
        edema, core, enhancing = (np.median(image[label == value], axis=0) / healthy for value in (1, 2, 3))
        assert edema[0] > 1.2
        assert edema[3] > 1.2
        assert core[1] < 0.9
        assert enhancing[2] > 1.2


def test_no_single_channel_threshold_finds_the_tumour(task: Path) -> None:
    thresholds = np.linspace(-2, 4, 61)
    best = np.zeros((6, 4))
    for case, (image_file, label_file) in enumerate(_cases(task)):
        image, label = _voxels(image_file), _voxels(label_file)
        brain = image[..., 0] > 0
        tumour = label[brain] > 0
        for channel in range(4):
            values = image[..., channel][brain].astype(float)
            scores = (values - values.mean()) / values.std()
            found = [scores > threshold for threshold in thresholds]
            dice = [2 * (tumour & mask).sum() / (tumour.sum() + mask.sum()) for mask in found]
            best[case, channel] = max(dice)  # an oracle: the best threshold of each volume
    assert best.mean(axis=0).max() <= 0.6


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    write_task(tmp_path / "a", cases=2, seed=7, size=SMALL)
    write_task(tmp_path / "b", cases=2, seed=7, size=SMALL)
    write_task(tmp_path / "c", cases=2, seed=8, size=SMALL)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
    image = "imagesTr/BRATS_001.nii.gz"
    assert _contents(tmp_path / "a")[image] != _contents(tmp_path / "c")[image]


def test_a_case_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    write_task(tmp_path / "few", cases=1, size=SMALL)
    write_task(tmp_path / "more", cases=2, size=SMALL)
    few, more = _contents(tmp_path / "few"), _contents(tmp_path / "more")
    for name in ("imagesTr/BRATS_001.nii.gz", "labelsTr/BRATS_001.nii.gz"):
        assert few[name] == more[name]


def test_the_last_cases_are_broken_each_in_its_own_way(tmp_path: Path) -> None:
    write_task(tmp_path, cases=6, broken=5, size=SMALL)
    sound, truncated, other_shape, nan_affine, missing, truncated_again = _cases(tmp_path)
    assert _voxels(sound[0]).shape[:3] == _voxels(sound[1]).shape
    for image_file, _ in (truncated, truncated_again):
        assert nib.load(image_file).shape == (*SMALL, 4)  # the header is fine, the voxels are not
        with pytest.raises(EOFError):
            _voxels(image_file)
    assert _voxels(other_shape[0]).shape[:3] != _voxels(other_shape[1]).shape
    assert np.isnan(nib.load(nan_affine[0]).affine[:3]).all()
    assert _voxels(nan_affine[0]).shape == (*SMALL, 4)
    assert not missing[0].exists()
    assert missing[1].exists()


def test_damage_touches_only_what_it_names(tmp_path: Path) -> None:
    write_task(tmp_path / "sound", cases=1, size=SMALL)
    write_task(tmp_path / "broken", cases=1, broken=1, size=SMALL)
    sound, broken = _contents(tmp_path / "sound"), _contents(tmp_path / "broken")
    image = "imagesTr/BRATS_001.nii.gz"
    assert sound[image].startswith(broken[image])
    assert sound["labelsTr/BRATS_001.nii.gz"] == broken["labelsTr/BRATS_001.nii.gz"]
    assert gzip.decompress(sound[image])


def test_the_same_settings_write_nothing_again(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "task"), "--cases", "1", "--seed", "3"]
    main(arguments)
    image = tmp_path / "task" / "imagesTr" / "BRATS_001.nii.gz"
    image.write_bytes(b"touched")
    main(arguments)
    assert image.read_bytes() == b"touched"


def test_an_interrupted_folder_is_completed(tmp_path: Path) -> None:
    write_task(tmp_path, cases=2, size=SMALL)
    whole = _contents(tmp_path)
    (tmp_path / "dataset.json").unlink()
    (tmp_path / "imagesTr" / "BRATS_002.nii.gz").write_bytes(b"half")
    write_task(tmp_path, cases=2, size=SMALL)
    assert _contents(tmp_path) == whole


def test_another_phantom_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_task(tmp_path, cases=1, size=SMALL)
    before = _contents(tmp_path)
    with pytest.raises(Mismatch, match="another folder"):
        write_task(tmp_path, cases=2, size=SMALL)
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), "--cases", "2"])
    assert stop.value.code == 2
    assert "another folder" in capsys.readouterr().err
    assert _contents(tmp_path) == before


def test_a_real_data_set_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(Mismatch, match="holds no phantom"):
        write_task(tmp_path, cases=1, size=SMALL)
    assert _contents(tmp_path) == {"dataset.json": b"{}"}


@pytest.mark.parametrize(
    "settings",
    [
        {"cases": 0},
        {"cases": 2, "broken": 3},
        {"broken": -1},
        {"seed": -1},
        {"size": (8, 64, 44)},
    ],
)
def test_senseless_settings_are_refused(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        write_task(tmp_path / "task", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "task").exists()
