"""The whole pipeline on phantoms, as a person runs it: real S3 and MLflow."""

import base64

import mlflow
import nibabel as nib
import numpy as np
import pandas
import pyarrow.parquet as pq
import pytest
import urllib3

from medgantry.phantoms.lung_pairs import write_pairs
from tests.pipelines.laptop import Laptop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

OVERRIDE = {
    "epochs": 25,
    "batch_size": 2,
    "learning_rate": 0.002,
    "spacing": [8, 8, 8],
    "depth": 3,
    "finest": 0,
}


def run(laptop, source, **override):
    """Returns (exit code, JSON, stderr)."""
    return laptop.run("lung_registration", "--keep", source=str(source), override=OVERRIDE | override)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    laptop = Laptop(tmp_path_factory.mktemp("laptop"))
    yield laptop
    laptop.call("down")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pairs"
    write_pairs(folder, pairs=28, damaged=4, seed=1)
    return folder


@pytest.fixture(scope="module")
def first(laptop, source):
    code, document, errors = run(laptop, source)
    assert code == 0, errors
    return document


def test_registered_pairs_overlap_more_and_space_does_not_fold(first):
    found = {
        name: value["all"]
        for name, value in first["metrics"].items()
        if isinstance(value, dict) and "all" in value
    }
    print({name: round(value["estimate"], 4) for name, value in found.items()})
    assert found["mask_dice_gain"]["estimate"] >= 0.10
    assert found["mask_dice_gain"]["low"] > 0
    assert found["folded_share"]["estimate"] < 0.01
    assert found["landmark_error_mm"]["estimate"] < 0.6 * found["landmark_error_before_mm"]["estimate"]


def test_damaged_pairs_are_verdicts_and_the_model_is_registered(first):
    assert first["state"] == "succeeded"
    assert {row["item"] for row in first["ledger"]["entries"]} == {
        f"LungPhantom_{number:04d}_0000_0001" for number in (25, 26, 27, 28)
    }
    assert (first["model"]["version"], first["registration"]["promoted"]) == (1, True)


def test_the_kept_displacement_is_the_one_that_was_judged(laptop, first, source):
    evaluation = laptop.output(first, "metrics.json").parent
    row = pq.read_table(evaluation / "cases.parquet").to_pylist()[0]
    field = nib.load(evaluation / f"predictions/{row['case_id']}.nii.gz")
    stem = row["case_id"].removesuffix("_0000_0001")
    fixed, moving = (
        np.loadtxt(source / f"keypointsTr/{stem}_{state}.csv", delimiter=",") for state in ("0000", "0001")
    )
    nearest = np.round(fixed).astype(int)
    steps = np.asarray(field.dataobj)[tuple(nearest.T)][:, 0]  # mm, right, anterior, superior
    places = [points @ field.affine[:3, :3].T for points in (fixed, moving)]
    error = np.linalg.norm(places[0] + steps - places[1], axis=1).mean()
    assert error == pytest.approx(row["landmark_error_mm"], abs=0.5)


def test_endpoint_and_registered_model_give_the_displacement_that_was_judged(
    laptop, first, source, monkeypatch, tmp_path
):
    assert first["endpoint"]["equal"] is True
    evaluation = laptop.output(first, "metrics.json").parent
    case_id = pq.read_table(evaluation / "cases.parquet").to_pylist()[-1]["case_id"]
    stem = case_id.removesuffix("_0000_0001")
    pair = {
        "fixed": source / f"imagesTr/{stem}_0000.nii.gz",
        "moving": source / f"imagesTr/{stem}_0001.nii.gz",
    }
    inputs = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES",
            "data": [base64.b64encode(path.read_bytes()).decode()],
        }
        for name, path in pair.items()
    ]
    url = f"{first['endpoint']['url']}/v2/models/{first['endpoint']['model']}/infer"
    answer = urllib3.request(
        "POST", url, json={"inputs": inputs, "outputs": [{"name": "displacement_nifti"}]}
    )
    assert answer.status == 200, answer.data[:500]
    (tmp_path / "found.nii.gz").write_bytes(base64.b64decode(answer.json()["outputs"][0]["data"][0]))
    for name, value in laptop.variables().items():
        monkeypatch.setenv(name, value)
    registered = mlflow.pyfunc.load_model("models:/lung-registration@champion")
    (loaded,) = registered.predict(pandas.DataFrame([{name: str(path) for name, path in pair.items()}]))
    judged = np.asarray(nib.load(evaluation / f"predictions/{case_id}.nii.gz").dataobj)
    assert np.abs(judged).max() > 1, "nothing moved"
    for path in (tmp_path / "found.nii.gz", loaded):
        np.testing.assert_array_equal(np.asarray(nib.load(path).dataobj), judged)


def test_a_second_run_reuses_and_a_worse_candidate_is_not_promoted(laptop, source, first):
    code, again, errors = run(laptop, source)
    assert code == 0, errors
    reused = {row["step"] for row in again["steps"] if row["reused"]}
    assert {"ingest_pairs", "split_cohort", "preprocess_shard", "train", "evaluate", "register"} <= reused
    assert again["metrics"] == first["metrics"]

    code, worse, errors = run(laptop, source, epochs=1, learning_rate=1e-6)
    assert code == 0, errors
    assert (worse["registration"]["version"], worse["registration"]["promoted"]) == (2, False)
    # Five patients are too few to tell two models apart: what is not known speaks against the candidate.
    assert "5 groups are new to both, at least 10 are needed" in worse["registration"]["reason"]
