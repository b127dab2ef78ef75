import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.ingest.decathlon import read_decathlon
from medgantry.phantoms.spleen import main, write_task
from medgantry.storage.files import Source

SMALL = (32, 32, 24)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    write_task(folder, cases=6)
    return folder


def _cases(folder: Path) -> list[tuple[Path, Path]]:
    listed = json.loads((folder / "dataset.json").read_text())["training"]
    return [(folder / case["image"], folder / case["label"]) for case in listed]


def _upright(path: Path) -> np.ndarray:
    return np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_dataset_json_is_the_decathlons(task: Path) -> None:
    description = json.loads((task / "dataset.json").read_text())
    assert description["name"] == "Spleen"
    assert description["tensorImageSize"] == "3D"
    assert description["modality"] == {"0": "CT"}
    assert description["labels"] == {"0": "background", "1": "spleen"}
    assert (description["numTraining"], description["numTest"]) == (6, 2)
    assert description["training"][2] == {
        "image": "./imagesTr/spleen_5.nii.gz",
        "label": "./labelsTr/spleen_5.nii.gz",
    }
    assert description["test"] == ["./imagesTs/spleen_1.nii.gz", "./imagesTs/spleen_4.nii.gz"]


def test_our_reader_takes_the_labelled_cases_and_no_others(task: Path, tmp_path: Path) -> None:
    layout = read_decathlon(Source(str(task), tmp_path))
    numbers = [int(candidate.case_id.removeprefix("spleen_")) for candidate in layout.candidates]
    assert numbers == [2, 3, 5, 6, 8, 9]
    assert layout.channels == ["CT"]
    assert layout.notes["unlabelled_test_images"] == "2"
    assert all((task / "imagesTs" / f"spleen_{number}.nii.gz").exists() for number in (1, 4))


def test_files_have_the_decathlons_shapes_and_types(task: Path) -> None:
    for image_file, label_file in _cases(task):
        image, label = nib.load(image_file), nib.load(label_file)
        assert image.shape == label.shape == (64, 64, 40)
        assert image.get_data_dtype() == np.int16
        assert label.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(image.affine, label.affine)
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-3)


def test_geometry_varies(task: Path) -> None:
    images = [nib.load(image) for image, _ in _cases(task)]
    assert len({nib.aff2axcodes(image.affine) for image in images}) > 1
    assert len({image.header.get_zooms() for image in images}) == len(images)
    for image in images:
        in_plane, across, slices = image.header.get_zooms()
        assert in_plane == across
        assert 1.5 <= in_plane <= 2.0 <= slices <= 3.5


def test_the_spleen_lies_at_the_patients_left_behind_and_varies_in_size(task: Path) -> None:
    volumes = []
    for image_file, label_file in _cases(task):
        label = _upright(label_file)  # axes to the right, anterior, superior
        assert set(np.unique(label)) == {0, 1}
        centre = np.argwhere(label).mean(axis=0) / label.shape
        assert (centre[:2] < (0.4, 0.5)).all()
        volumes.append(label.sum() * np.prod(nib.load(image_file).header.get_zooms()))
    assert min(volumes) > 4000  # mm3
    assert max(volumes) > 2 * min(volumes)


def test_organs_attenuate_as_in_ct(task: Path) -> None:
    for image_file, label_file in _cases(task):
        image, spleen = _upright(image_file), _upright(label_file) > 0
        assert np.median(image[:2]) < -950  # air around the body
        assert 80 <= np.median(image[spleen]) <= 135
        liver = image[38:44, 30:36, 20:24]
        assert abs(np.median(liver) - np.median(image[spleen])) < 40
        assert 8 <= liver.std() <= 35


def test_no_threshold_and_no_window_finds_the_spleen(task: Path) -> None:
    lower, upper = range(0, 240, 20), (*range(80, 300, 20), 5000)
    best = []
    for image_file, label_file in _cases(task):
        image, spleen = _upright(image_file), _upright(label_file) > 0
        found = [(image > low) & (image < high) for low in lower for high in upper]
        best.append(max(2 * (spleen & mask).sum() / (spleen.sum() + mask.sum()) for mask in found))
    assert np.mean(best) <= 0.45  # an oracle: the best window of each volume


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_task(tmp_path / name, cases=2, seed=seed, size=SMALL)
    a, b, c = (_contents(tmp_path / name) for name in "abc")
    assert a == b
    assert a["imagesTr/spleen_2.nii.gz"] != c["imagesTr/spleen_2.nii.gz"]


def test_a_case_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    write_task(tmp_path / "few", cases=1, size=SMALL)
    write_task(tmp_path / "more", cases=3, size=SMALL)
    few, more = _contents(tmp_path / "few"), _contents(tmp_path / "more")
    for name in ("imagesTr/spleen_2.nii.gz", "labelsTr/spleen_2.nii.gz", "imagesTs/spleen_1.nii.gz"):
        assert few[name] == more[name]


def test_the_last_cases_are_broken_each_in_its_own_way(tmp_path: Path) -> None:
    write_task(tmp_path, cases=6, broken=5, size=SMALL)
    sound, truncated, other_shape, nan_affine, missing, truncated_again = _cases(tmp_path)
    assert nib.load(sound[0]).shape == nib.load(sound[1]).shape
    for image_file, _ in (truncated, truncated_again):
        assert nib.load(image_file).shape == SMALL  # the header is fine, the voxels are not
        with pytest.raises(EOFError):
            np.asarray(nib.load(image_file).dataobj)
    assert nib.load(other_shape[0]).shape != nib.load(other_shape[1]).shape
    assert np.isnan(nib.load(nan_affine[0]).affine[:3]).all()
    assert not missing[0].exists()
    assert missing[1].exists()


def test_a_stray_macos_file_lies_among_the_images(task: Path) -> None:
    with pytest.raises(nib.filebasedimages.ImageFileError):
        nib.load(task / "imagesTr" / "._spleen_2.nii.gz")


def test_the_same_settings_write_nothing_again(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "task"), "--cases", "1", "--seed", "3"]
    main(arguments)
    image = tmp_path / "task" / "imagesTr" / "spleen_2.nii.gz"
    image.write_bytes(b"touched")
    main(arguments)
    assert image.read_bytes() == b"touched"


def test_an_interrupted_folder_is_completed(tmp_path: Path) -> None:
    write_task(tmp_path, cases=2, size=SMALL)
    whole = _contents(tmp_path)
    (tmp_path / "dataset.json").unlink()
    (tmp_path / "imagesTr" / "spleen_3.nii.gz").write_bytes(b"half")
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
