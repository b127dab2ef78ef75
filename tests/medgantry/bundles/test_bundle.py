import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import open_bundle
from medgantry.bundles.parser import load_weights
from medgantry.cohort import Case, Cohort
from medgantry.errors import InvalidBundle, InvalidInput, Mismatch, ObjectMissing
from medgantry.storage import ObjectStore, publish_folder

OURS = "medgantry:brain_tumor_segmentation"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle(OURS, "", tmp_path / "bundle")


def _cohort(channels: list[str], regions: list[str]) -> Cohort:
    return Cohort(
        cases=[Case(case_id="c", group_id="c")],
        files=[],
        entries=[],
        channels=channels,
        label_map={"background": 0, "tumour": 1},
        regions={name: ["tumour"] for name in regions},
    )


def test_our_bundle_names_its_channels(bundle: Bundle) -> None:
    assert bundle.input_channels == ["FLAIR", "T1w", "T1gd", "T2w"]
    assert bundle.outputs == ["TC", "WT", "ET"]
    assert bundle.weights is None
    assert bundle.is_foreign


def test_opening_twice_gives_the_same_and_replaces(bundle: Bundle) -> None:
    hashes = (bundle.bundle_hash, bundle.config_hash, bundle.transform_fingerprint)
    (bundle.folder / "left over").write_text("x")
    again = open_bundle(OURS, "", bundle.folder)
    assert (again.bundle_hash, again.config_hash, again.transform_fingerprint) == hashes


def test_an_override_reaches_training_and_inference(tmp_path: Path) -> None:
    override = {
        "spacing": [2, 2, 2],
        "train#inferer#_target_": "Other",
        "network_data_format#inputs#image#dtype": "x",
    }
    bundle = open_bundle(OURS, json.dumps(override), tmp_path / "bundle")
    assert bundle.train_config["spacing"] == bundle.inference_config["spacing"] == [2, 2, 2]
    assert bundle.train_config["train"]["inferer"] == {"_target_": "Other"}
    assert bundle.metadata["network_data_format"]["inputs"]["image"]["dtype"] == "x"


def test_an_override_of_a_list_item(tmp_path: Path) -> None:
    name = "train#random_transforms#2#prob"
    bundle = open_bundle(OURS, json.dumps({name: 0.25}), tmp_path / "bundle")
    assert bundle.train_config["train"]["random_transforms"][2]["prob"] == 0.25


@pytest.mark.parametrize("name", ["epoch", "train#nothing", "train#random_transforms#99", "epochs#deeper"])
def test_an_unknown_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidBundle, match=name):
        open_bundle(OURS, json.dumps({name: 1}), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("override", ["{", "[1]", '"epochs"'])
def test_an_override_that_is_no_object_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(InvalidInput, match="JSON"):
        open_bundle(OURS, override, tmp_path / "bundle")


def test_an_unknown_bundle_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match="brain_tumor_segmentation"):
        open_bundle("medgantry:nothing", "", tmp_path / "bundle")


def test_a_foreign_bundle_needs_trust(bundle: Bundle, tmp_path: Path, store: ObjectStore) -> None:
    publish_folder(store, "bundles/x", bundle.folder)
    for uri in (str(bundle.folder), store.uri("bundles/x")):
        with pytest.raises(InvalidBundle, match="trust_bundle"):
            open_bundle(uri, "", tmp_path / "foreign")
        assert not (tmp_path / "foreign").exists()
    for uri in (str(bundle.folder), store.uri("bundles/x")):
        foreign = open_bundle(uri, "", tmp_path / "foreign", trust=True)
        assert foreign.bundle_hash == bundle.bundle_hash
    with pytest.raises(ObjectMissing):
        open_bundle(store.uri("bundles/none"), "", tmp_path / "foreign", trust=True)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="none"):
        open_bundle(str(tmp_path / "none"), "", tmp_path / "bundle", trust=True)


def test_a_bundle_in_json_is_read(bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(bundle.folder, tmp_path / "json")
    for name, config in (("train", bundle.train_config), ("inference", bundle.inference_config)):
        (tmp_path / f"json/configs/{name}.yaml").unlink()
        (tmp_path / f"json/configs/{name}.json").write_text(json.dumps(config))
    opened = open_bundle(str(tmp_path / "json"), '{"epochs": 3}', tmp_path / "opened", trust=True)
    assert opened.transform_fingerprint == bundle.transform_fingerprint
    assert opened.train_config == {**bundle.train_config, "epochs": 3}


@pytest.mark.parametrize("name", ["configs/metadata.json", "configs/train.yaml", "configs/inference.yaml"])
def test_a_missing_config_is_refused(bundle: Bundle, tmp_path: Path, name: str) -> None:
    (bundle.folder / name).unlink()
    with pytest.raises(InvalidBundle, match=name.split(".")[0]):
        open_bundle(str(bundle.folder), "", tmp_path / "opened", trust=True)


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ({"epochs": 1}, True),
        ({"learning_rate": 0.1, "batch_size": 1, "patch_size": [64, 64, 64]}, True),
        ({"train#random_transforms#2#prob": 0.1}, True),
        ({"regions": {"TC": [1, 4]}}, True),
        ({"spacing": [1, 1, 1]}, False),
        ({"train#deterministic_transforms#4#nonzero": False}, False),
        ({"network_data_format#outputs#pred#channel_def": {"0": "WT", "1": "TC", "2": "ET"}}, False),
    ],
)
def test_the_transform_fingerprint(
    bundle: Bundle, tmp_path: Path, override: dict[str, Any], same: bool
) -> None:
    other = open_bundle(OURS, json.dumps(override), tmp_path / "other")
    assert (other.transform_fingerprint == bundle.transform_fingerprint) == same
    assert other.config_hash != bundle.config_hash


def test_a_cohort_must_fit_by_name(bundle: Bundle) -> None:
    channels, regions = ["T2w", "T1gd", "T1w", "FLAIR"], ["ET", "TC", "WT"]
    bundle.check_cohort(_cohort(channels, regions))
    with pytest.raises(Mismatch, match="FLAIR"):
        bundle.check_cohort(_cohort(["CT"], regions))
    with pytest.raises(Mismatch, match="lesion"):
        bundle.check_cohort(_cohort(channels, ["lesion"]))


def _of_image(transform: dict[str, Any]) -> dict[str, Any] | None:
    """What a dictionary transform does to the image alone; None when it does nothing to it."""
    keys = [transform["keys"]] if isinstance(transform["keys"], str) else transform["keys"]
    if "image" not in keys:
        return None
    index = keys.index("image")
    own = {name: value[index] if name == "mode" else value for name, value in transform.items()}
    return {**own, "keys": "image"}


def test_inference_prepares_the_image_as_training_does(bundle: Bundle) -> None:
    train, inference = bundle.train_config, bundle.inference_config
    trained = [found for t in train["train"]["deterministic_transforms"] if (found := _of_image(t))]
    inferred = [_of_image(t) for t in inference["preprocessing"]["transforms"]]
    assert inferred == trained
    for name in ("spacing", "patch_size", "network_def"):
        assert inference[name] == train[name]
    assert inference["inferer"] == train["validate"]["inferer"]
    assert inference["postprocessing"] == train["validate"]["postprocessing"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("metadata.json", "{"), ("train.yaml", "a: [1"), ("inference.yaml", "- 1"), ("train.yaml", "")],
)
def test_a_config_that_does_not_parse_is_refused(bundle: Bundle, name: str, text: str) -> None:
    (bundle.folder / "configs" / name).write_text(text)
    with pytest.raises(InvalidBundle, match=name):
        Bundle(bundle.folder)


@pytest.mark.parametrize("content", ["code", "text", "cut"])
def test_weights_that_are_more_than_tensors_are_refused(bundle: Bundle, content: str) -> None:
    path = bundle.folder / "models/model.pt"
    path.parent.mkdir()
    if content == "code":
        torch.save({"model": Path("x")}, path)
    else:
        torch.save({"weight": torch.ones(1, 1)}, path)
        path.write_bytes(path.read_bytes()[:100] if content == "cut" else b"no weights")
    with pytest.raises(InvalidBundle, match="tensors alone"):
        load_weights(Bundle(bundle.folder), torch.nn.Linear(1, 1))
