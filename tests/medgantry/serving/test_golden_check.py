"""What counts as the answer that was wanted, and models of survival and registration that really answer."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medgantry.errors import InvalidInput
from medgantry.registry.golden import FOLDER, Golden, GoldenInput
from medgantry.registry.golden_subjects import add_golden_subjects
from medgantry.serving.golden_check import check_golden, compare_files, compare_values
from medgantry.serving.target import Endpoint, Release
from tests.medgantry.serving.served import NAME, served
from tests.medgantry.survival.test_model import learn

RELEASE = Release(model=NAME, version=1, prefix="serving/model/1")


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        ([0.25, 0.75], [0.25004, 0.74996], ""),
        ([0.25, 0.75], [0.26, 0.74], "p differs by up to 0.010000"),
        ([0.25], [0.25, 0.75], "p is"),
        (["a", "b"], ["a", "b"], ""),
        (["b", "a"], ["a", "b"], "p is"),
    ],
)
def test_numbers_may_differ_by_a_rounding_and_texts_not_at_all(found, wanted, said):
    assert compare_values("p", found, wanted).startswith(said)
    assert bool(said) == bool(compare_values("p", found, wanted))


def _written(path: Path, voxels) -> Path:
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)
    return path


def test_label_maps_are_equal_and_displacements_to_a_hundredth_of_a_millimetre(tmp_path):
    labels = np.zeros((3, 4, 5), np.uint8)
    wanted = _written(tmp_path / "wanted.nii", labels)
    assert compare_files("l", _written(tmp_path / "same.nii", labels.copy()), wanted) == ""
    labels[1, 1, 1] = 1
    assert compare_files("l", _written(tmp_path / "other.nii", labels), wanted) == "1 voxels of l differ"
    assert "(3, 4, 5) was wanted" in compare_files("l", _written(tmp_path / "s.nii", labels[:2]), wanted)
    field = np.ones((3, 4, 5, 1, 3), np.float32)
    wanted = _written(tmp_path / "field.nii", field)
    assert compare_files("d", _written(tmp_path / "near.nii", field + np.float32(0.005)), wanted) == ""
    field[0, 0, 0, 0, 2] += 0.5
    assert compare_files("d", _written(tmp_path / "far.nii", field), wanted) == "d differs by up to 0.500 mm"


@pytest.fixture(scope="module")
def model():
    return learn()


@pytest.mark.parametrize(("shift", "said"), [(0.0, ""), (0.01, "risk differs by up to 0.010000")])
def test_a_survival_model_answers_the_subjects_that_were_invented_for_it(model, shift, said, store, tmp_path):
    folder = tmp_path / "model"
    model.save(folder)
    add_golden_subjects(folder)
    golden = Golden.open(folder / FOLDER)
    low, high = golden.values["risk"]
    assert high - low > 0.5, "the subjects must differ for the check to see anything"
    replace(golden, values={**golden.values, "risk": [low, high + shift]}).save(folder / FOLDER)
    with served(folder, store) as server:
        found = check_golden(Endpoint(NAME, server.url), RELEASE, store)
    assert found.difference == said


def test_a_model_without_a_golden_case_is_refused_by_name(tmp_path):
    with pytest.raises(InvalidInput, match=r"golden\.json is missing"):
        Golden.open(tmp_path)
    (tmp_path / "golden.json").write_text(json.dumps({"case_id": "c", "channels": {}}))
    with pytest.raises(InvalidInput, match="must be of schema medgantry/golden/1, found none"):
        Golden.open(tmp_path)
    golden = Golden(
        case_id="c",
        inputs=[
            GoldenInput(name="a", file="a.nii", channel_index=2),
            GoldenInput(name="s", values=["I", None]),
        ],
        values={"classes": ["x"]},
        files={"label_map_nifti": "answer.nii"},
    )
    golden.save(tmp_path)
    assert Golden.open(tmp_path) == golden
