"""The whole pipeline, as a person runs it: real S3, MLflow and model server, on phantoms."""

import shutil

import nibabel
import numpy as np
import pytest

from medgantry.phantoms.brain_tumor import write_task
from tests.pipelines.laptop import Laptop

pytestmark = pytest.mark.e2e

OVERRIDE = '{"epochs": 2, "patch_size": [32, 32, 32], "batch_size": 2}'


def run(laptop, source, **parameters):
    """Returns (exit code, JSON, stderr)."""
    return laptop.run(
        "brain_tumor_segmentation", source=str(source), shard_mib=4, override=OVERRIDE, **parameters
    )


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    return Laptop(tmp_path_factory.mktemp("laptop"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "Task01_BrainTumour"
    write_task(folder, cases=15, broken=3, seed=1, size=(40, 44, 32))
    return folder


@pytest.fixture(scope="module")
def first(laptop, source):
    return run(laptop, source)


def steps(document):
    return {row["step"]: row for row in document["steps"]}


def test_first_run_goes_from_volumes_to_an_endpoint(first):
    code, document, errors = first
    assert code == 0, errors
    assert document["state"] == "succeeded"
    assert document["ledger"]["rejected"] == 3
    assert {row["item"] for row in document["ledger"]["entries"]} == {"BRATS_013", "BRATS_014", "BRATS_015"}
    assert document["model"]["version"] == 1
    assert document["endpoint"]["equal"] is True
    for region in ("WT", "TC", "ET", "mean"):
        interval = document["metrics"]["dice"][region]
        assert interval["low"] <= interval["estimate"] <= interval["high"]
    assert set(document["metrics"]["untrained"]) == {"WT", "TC", "ET", "mean"}


def test_second_run_reuses_everything_costly(laptop, source, first):
    code, document, errors = run(laptop, source)
    assert code == 0, errors
    reused = {name for name, row in steps(document).items() if row["reused"]}
    assert {"ingest_nifti", "split_cohort", "preprocess_shard", "train", "evaluate", "register"} <= reused
    assert document["model"]["version"] == 1
    assert document["metrics"] == first[1]["metrics"]


def test_one_changed_voxel_redoes_one_shard_and_what_follows(laptop, source, first, tmp_path):
    changed = tmp_path / "Task01_BrainTumour"
    shutil.copytree(source, changed)
    path = changed / "imagesTr/BRATS_002.nii.gz"
    image = nibabel.load(path)
    voxels = np.array(np.asanyarray(image.dataobj))
    voxels[20, 20, 16, 0] += 1
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine, image.header), path)
    code, document, errors = run(laptop, changed)
    assert code == 0, errors
    made = [facts["shards_made"] for facts in steps(document)["preprocess_shard"]["facts"]]
    assert sum(made) == 1
    assert len(made) > 1
    assert not steps(document)["train"]["reused"]


def test_too_many_rejected_fails_and_names_them(laptop, source, first):
    code, document, errors = run(laptop, source, max_rejected=0)
    assert code == 1
    assert document["state"] == "failed"
    assert document["error"]["step"] == "ingest_nifti"
    for case in ("BRATS_013", "BRATS_014", "BRATS_015"):
        assert case in document["error"]["message"]
    assert "BRATS_013" in errors.strip().splitlines()[-1]


def test_clean_spares_what_the_champion_needs(laptop, source, first):
    done = laptop.call("clean")
    assert done.returncode == 0, done.stderr
    assert "are gone" in done.stdout
    code, document, errors = run(laptop, source)
    assert code == 0, errors
    assert steps(document)["preprocess_shard"]["reused"]
    assert steps(document)["train"]["reused"]
