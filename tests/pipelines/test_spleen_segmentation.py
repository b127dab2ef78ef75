"""The whole pipeline, as a person runs it: real S3, MLflow and model server, on phantoms."""

import pytest

from medgantry.phantoms.spleen import write_task
from tests.pipelines.laptop import Laptop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

OVERRIDE = {
    "epochs": 24,
    "learning_rate": 0.01,
    "spacing": [2.0, 2.0, 2.5],
    "patch_size": [48, 48, 32],
    "samples_per_case": 2,
    "network_def#channels": [8, 16, 32, 64],
    "network_def#strides": [2, 2, 2],
}
"""A network and a grid for two cores; window, losses and optimizer are the bundle's."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "Task09_Spleen"
    write_task(folder, cases=40, broken=2)
    return folder


@pytest.fixture(scope="module")
def document(tmp_path_factory, source):
    """What a run in a folder of its own says, so that `.medgantry` is new."""
    laptop = Laptop(tmp_path_factory.mktemp("laptop"))
    code, said, errors = laptop.run("spleen_segmentation", source=str(source), shard_mib=4, override=OVERRIDE)
    assert code == 0, errors
    return said


def test_a_run_goes_from_volumes_to_an_endpoint(document):
    assert document["state"] == "succeeded"
    assert {row["item"] for row in document["ledger"]["entries"]} == {"spleen_59", "spleen_60"}
    assert document["model"]["version"] == 1
    assert document["endpoint"]["equal"] is True


def test_the_spleen_is_found_in_cases_that_had_no_part_in_training(document):
    dice = document["metrics"]["dice"]["spleen"]
    assert dice["low"] <= dice["estimate"] <= dice["high"]
    assert dice["estimate"] >= 0.85
    assert document["metrics"]["untrained"]["spleen"] < 0.3
