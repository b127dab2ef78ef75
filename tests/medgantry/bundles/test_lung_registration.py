"""Our registration bundle on phantoms: what its transforms make of a pair, and what reaches shards."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from medgantry.bundles import open_bundle
from medgantry.bundles.case_files import bring_case
from medgantry.bundles.parser import make_parser, part
from medgantry.bundles.recipe import Recipe
from medgantry.errors import Mismatch
from medgantry.ingest.pairs.ingest import PairsConfig, ingest_pairs, read_pairs
from medgantry.phantoms.lung_pairs import write_pairs
from medgantry.sharding.plan import plan_shards
from medgantry.storage.files import Source

OVERRIDE = {"spacing": [8, 8, 8], "channels": 2, "depth": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms")
    write_pairs(folder, pairs=3, size=(36, 36, 32))
    return folder


@pytest.fixture
def bundle(tmp_path):
    return open_bundle("medgantry:lung_registration", json.dumps(OVERRIDE), tmp_path / "bundle")


@pytest.fixture
def cohort(phantoms, store, tmp_path):
    source, config = Source(str(phantoms), tmp_path / "scratch"), PairsConfig()
    return ingest_pairs(source, read_pairs(source, config), config, store)


def item(phantoms: Path, *roles):
    parts = {"": "imagesTr", "_mask": "masksTr"}
    return {
        f"{image}{role}": phantoms / f"{parts[role]}/LungPhantom_0001_{state}.nii.gz"
        for role in roles
        for image, state in (("fixed", "0000"), ("moving", "0001"))
    }


def test_the_task_is_told_by_the_output(bundle):
    assert (bundle.task, bundle.input_channels, bundle.outputs) == ("registration", [], [])


def test_images_and_masks_are_stored_and_the_label_is_made_of_them(bundle, phantoms):
    recipe = Recipe(bundle, {})
    stored = recipe.deterministic(item(phantoms, "", "_mask"))
    assert {name: tuple(tensor.shape) for name, tensor in stored.items()} == {
        "image": (2, 18, 18, 16),
        "mask": (2, 18, 18, 16),
    }
    assert set(np.unique(stored["mask"])) == {0, 1}
    assert 0 <= float(stored["image"].min()) < float(stored["image"].max()) <= 1
    lungs = [float(stored["image"][index][stored["mask"][index] > 0].mean()) for index in (0, 1)]
    assert 0.1 < lungs[1] < lungs[0] < 0.4  # the mask is the image's own; breathed in, lungs are darker
    sample = recipe.random(dict(stored))
    torch.testing.assert_close(
        torch.as_tensor(sample["label"]), torch.cat([sample["image"], sample["mask"]]).as_tensor()
    )


def test_a_pair_without_masks_trains_on_its_images(bundle, phantoms):
    recipe = Recipe(bundle, {})
    sample = recipe.random(recipe.deterministic(item(phantoms, "")))
    assert {name: len(tensor) for name, tensor in sample.items()} == {"image": 2, "label": 2}


def test_inference_sees_what_training_saw(bundle, phantoms):
    seen = part(make_parser(bundle, bundle.inference_config), "preprocessing")(item(phantoms, ""))["image"]
    trained = Recipe(bundle, {}).deterministic(item(phantoms, "", "_mask"))["image"]
    torch.testing.assert_close(seen, trained, rtol=0, atol=0)


def test_a_pairs_files_come_by_role_and_a_case_that_is_no_pair_is_refused(bundle, cohort, tmp_path):
    files = cohort.files_of[cohort.cases[0].case_id]
    brought = bring_case(files, bundle, tmp_path)
    assert set(brought) == {
        f"{image}{part}" for image in ("fixed", "moving") for part in ("", "_mask", "_keypoints")
    }
    with pytest.raises(Mismatch, match="no moving image"):
        bring_case([file for file in files if file.role != "moving"], bundle, tmp_path)


def test_shards_are_planned_by_the_size_of_images_and_masks(bundle, cohort):
    bundle.check_cohort(cohort)
    assert len(plan_shards(cohort, bundle, shard_mib=0.3).shards) == 3
    assert len(plan_shards(cohort, bundle, shard_mib=256).shards) == 1
