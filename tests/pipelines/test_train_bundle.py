"""A bundle in the Model Zoo's layout through the whole pipeline, unedited; then its own inference beside ours."""

import json

import nibabel
import numpy as np
import pytest
import torch

from medgantry.bundles import Bundle
from medgantry.phantoms.spleen import write_task
from tests.medgantry.bundles.zoo import spleen_like
from tests.medgantry.inference.zoo import monai_answer
from tests.pipelines.laptop import Laptop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "Task09_Spleen"
    write_task(folder, cases=12, broken=1)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, source):
    """The run's document, its folder, and the bundle that it was given."""
    folder = tmp_path_factory.mktemp("laptop")
    bundle = spleen_like(folder / "zoo")
    code, document, said = Laptop(folder).run(
        "train_bundle",
        source=str(source),
        bundle=str(bundle.folder),
        trust_bundle=True,
        model_name="spleen-zoo",
        override={"epochs": 4},
        train_options={"profile": 2, "patience": 9},
    )
    assert code == 0, said
    return document, folder, bundle


def published(folder):
    """The trained bundle, as the steps hand it on."""
    (weights,) = {path.resolve() for path in folder.glob(".medgantry/**/combined/models/model.pt")}
    return Bundle(weights.parents[1])


def test_it_is_trained_evaluated_and_registered(trained):
    document, _, _ = trained
    assert document["state"] == "succeeded"
    assert document["model"]["version"] == 1
    assert document["endpoint"]["equal"] is True
    assert set(document["metrics"]["dice"]) == {"spleen", "mean"}


def test_the_bundle_comes_back_complete(trained):
    _, folder, given = trained
    bundle = published(folder)
    assert bundle.metadata["network_data_format"] == given.metadata["network_data_format"]
    assert bundle.metadata["pytorch_version"] == torch.__version__.partition("+")[0]
    assert 0 <= bundle.metadata["eval_metrics"]["val_dice_spleen"] <= 1
    assert bundle.provenance["regions"] == {"spleen": [1]}
    assert torch.load(bundle.weights, weights_only=True).keys()
    assert bundle.train_config["train"]["trainer"]["max_epochs"] == 4


def test_monai_runs_the_bundle_and_says_the_same(trained, source, tmp_path):
    document, folder, _ = trained
    case_id = document["ledger"]["entries"][0]["item"]  # the broken one, which nobody predicted
    bundle = published(folder)
    predictions = sorted(folder.glob(".medgantry/**/predictions/*.nii.gz"))
    assert predictions
    for path in predictions[:2]:
        name = path.name.removesuffix(".nii.gz")
        assert name != case_id
        expected = monai_answer(bundle, source / f"imagesTr/{name}.nii.gz", tmp_path / name)
        found = np.asanyarray(nibabel.load(path).dataobj)
        assert np.array_equal(found, np.squeeze(expected))


def test_a_bundle_that_nobody_trusts_is_refused(trained, source):
    _, folder, bundle = trained
    code, document, said = Laptop(folder).run(
        "train_bundle", source=str(source), bundle=str(bundle.folder), model_name="no"
    )
    assert code != 0
    assert "trust_bundle=true" in json.dumps(document) + said
