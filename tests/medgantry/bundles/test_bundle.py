import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.config_files import set_config
from medgantry.bundles.config_ids import look_up
from medgantry.bundles.parser import load_weights
from medgantry.cohort import Case, Cohort
from medgantry.errors import InvalidBundle, InvalidInput, Mismatch, ObjectMissing
from medgantry.storage import ObjectStore, publish_folder

OURS = "medgantry:brain_tumor_segmentation"
LESIONS = "medgantry:skin_lesion_classification"
OUTPUT = "network_data_format#outputs#pred"


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
    name = "train#batch_transforms#0#prob"
    bundle = open_bundle(OURS, json.dumps({name: 0.25}), tmp_path / "bundle")
    assert bundle.train_config["train"]["batch_transforms"][0]["prob"] == 0.25


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
        ({"train#batch_transforms#0#prob": 0.1}, True),
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


def _lesions(folder: Path, **changes: Any) -> Bundle:
    """Our classification bundle, its output described otherwise."""
    described = {f"{OUTPUT}#{key}": value for key, value in changes.items()}
    return open_bundle(LESIONS, json.dumps(described), folder)


def _diagnosed(*names: str, target: str = "diagnosis", channel: str = "RGB") -> Cohort:
    cases = [
        Case(case_id=f"case-{number}", group_id=str(number), targets={target: name, "sex": "male"})
        for number, name in enumerate(names)
    ]
    return Cohort(cases=cases, files=[], entries=[], channels=[channel], label_map={}, regions={})


def test_our_classification_bundle_takes_photos_and_names_its_classes(tmp_path: Path) -> None:
    lesions = _lesions(tmp_path / "lesions")
    assert lesions.task == "classification"
    assert lesions.input_channels == ["RGB"]
    assert lesions.outputs == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert lesions.target == "diagnosis"


@pytest.mark.parametrize(
    ("described", "task"),
    [
        ({"type": "probabilities", "format": "classes"}, "classification"),
        ({"type": "probability", "format": "other"}, "classification"),
        ({"type": "probabilities", "format": "other"}, "classification"),
        ({"type": "image", "format": "classification"}, "classification"),
        ({"type": "image", "format": "classes"}, "classification"),
        ({"type": "image", "format": "segmentation"}, "segmentation"),
        ({"type": "feature", "format": "hovernet"}, "segmentation"),
    ],
)
def test_the_task_is_read_as_monais_bundles_write_it(
    tmp_path: Path, described: dict[str, str], task: str
) -> None:
    assert _lesions(tmp_path / "b", **described).task == task


def test_a_segmentation_bundle_knows_no_class(bundle: Bundle) -> None:
    assert bundle.task == "segmentation"
    cohort = _cohort(["FLAIR", "T1w", "T1gd", "T2w"], ["TC", "WT", "ET"])
    assert bundle.class_indices(cohort) == {}
    assert bundle.label_codes(cohort) == {"TC": [1], "WT": [1], "ET": [1]}


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["R", "G", "B"], ["RGB"]),
        (["red", "green", "blue"], ["RGB"]),
        (["Red", "Green", "Blue"], ["RGB"]),
        (["R", "G"], ["R", "G"]),
        (["B", "G", "R"], ["B", "G", "R"]),
        (["R", "G", "B", "alpha"], ["R", "G", "B", "alpha"]),
        (["grey"], ["grey"]),
    ],
)
def test_red_green_and_blue_are_one_channel(tmp_path: Path, names: list[str], wanted: list[str]) -> None:
    channels = {str(index): name for index, name in enumerate(names)}
    override = {"network_data_format#inputs#image#channel_def": channels}
    assert open_bundle(LESIONS, json.dumps(override), tmp_path / "b").input_channels == wanted


def test_the_target_is_the_bundles_or_the_diagnosis(tmp_path: Path) -> None:
    lesions = _lesions(tmp_path / "b", target="grade")
    assert lesions.target == "grade"
    assert lesions.class_indices(_diagnosed("nv", "akiec", target="grade")) == {"case-0": 5, "case-1": 0}
    del lesions.metadata["network_data_format"]["outputs"]["pred"]["target"]
    assert lesions.target == "diagnosis"


def test_classes_are_counted_in_the_bundles_order(tmp_path: Path) -> None:
    classes = {"10": "b", "2": "c", "0": "a"}
    lesions = _lesions(tmp_path / "b", channel_def=classes)
    assert lesions.outputs == ["a", "c", "b"]
    cohort = _diagnosed("b", "a", "c", "b")
    assert list(lesions.class_indices(cohort).values()) == [2, 0, 1, 2]
    assert lesions.label_codes(cohort) == {}


def test_a_cohort_with_other_classes_is_refused_by_name(tmp_path: Path) -> None:
    lesions = _lesions(tmp_path / "b")
    lesions.check_cohort(_diagnosed("mel", "nv"))  # not every class needs a case
    with pytest.raises(Mismatch, match=r"'akiec', .*'diagnosis' has \['cyst', 'scar'\]"):
        lesions.check_cohort(_diagnosed("mel", "scar", "cyst", "scar"))
    with pytest.raises(Mismatch, match=r"\['nothing'\]"):
        lesions.check_cohort(_diagnosed("mel", ""))
    with pytest.raises(Mismatch, match=r"\['nothing'\]"):
        lesions.check_cohort(_diagnosed("mel", target="grade"))
    with pytest.raises(Mismatch, match="RGB"):
        lesions.check_cohort(_diagnosed("mel", channel="grey"))


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_setting_a_config_changes_that_id_alone(tmp_path: Path, suffix: str) -> None:
    folder = _lesions(tmp_path / "b").folder
    path = folder / f"configs/inference.{suffix}"
    before = Bundle(folder).inference_config
    if suffix == "json":
        (folder / "configs/inference.yaml").unlink()
        path.write_text(json.dumps(before))
    assert set_config(folder, "inference", "temperature", 1.7361)
    assert set_config(folder, "inference", "preprocessing#transforms#1#mode", "area")
    after = Bundle(folder).inference_config
    assert after["temperature"] == 1.7361
    assert look_up(after, "preprocessing#transforms#1#mode") == "area"
    after["temperature"] = before["temperature"]
    after["preprocessing"]["transforms"][1]["mode"] = "bilinear"
    assert after == before
    assert [file.name for file in sorted((folder / "configs").glob("inference.*"))] == [path.name]


@pytest.mark.parametrize("name", ["heat", "temperature#deeper", "preprocessing#transforms#99"])
def test_setting_an_id_that_is_not_there_changes_nothing(tmp_path: Path, name: str) -> None:
    folder = _lesions(tmp_path / "b").folder
    before = (folder / "configs/inference.yaml").read_bytes()
    assert not set_config(folder, "inference", name, 2.0)
    assert (folder / "configs/inference.yaml").read_bytes() == before


def test_classification_prepares_the_image_as_training_does(tmp_path: Path) -> None:
    lesions = _lesions(tmp_path / "b")
    train, inference = lesions.train_config, lesions.inference_config
    assert inference["preprocessing"]["transforms"] == train["train"]["deterministic_transforms"]
    for name in ("image_size", "network_def"):
        assert inference[name] == train[name]
