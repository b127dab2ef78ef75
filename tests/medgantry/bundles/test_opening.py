import json

import pytest

from medgantry.bundles import open_bundle
from medgantry.bundles.channels import match_channels
from medgantry.bundles.config_files import set_config
from medgantry.bundles.packages import check_packages
from medgantry.errors import InvalidBundle, Mismatch
from tests.medgantry.bundles import zoo


def opened(bundle, tmp_path, override="", **options):
    return open_bundle(str(bundle.folder), override, tmp_path / "opened", trust=True, **options)


def test_common_names_are_overridden_where_a_bundle_keeps_them(tmp_path):
    made = opened(
        zoo.spleen_like(tmp_path / "a"), tmp_path, '{"epochs": 7, "batch_size": 1, "learning_rate": 0.5}'
    )
    config = made.train_config
    assert config["train"]["trainer"]["max_epochs"] == 7
    assert config["train"]["dataloader"]["batch_size"] == 1
    assert config["optimizer"]["lr"] == 0.5


def test_an_id_of_the_bundles_own_comes_first_and_references_are_followed(tmp_path):
    made = opened(zoo.brats_like(tmp_path / "a"), tmp_path, '{"epochs": 7}')
    assert made.train_config["epochs"] == 7
    assert made.train_config["train"]["trainer"]["max_epochs"] == "@epochs"


def test_an_unknown_id_is_refused(tmp_path):
    with pytest.raises(InvalidBundle, match="epoch_number"):
        opened(zoo.spleen_like(tmp_path / "a"), tmp_path, '{"epoch_number": 7}')


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("GanTrainer", "two networks"),
        ("monai.engines.AdversarialTrainer", "two networks"),
        ("ignite.engine.Engine", "ignite"),
    ],
)
def test_what_trains_otherwise_is_refused_before_any_work(tmp_path, target, named):
    bundle = zoo.spleen_like(tmp_path / "a")
    set_config(bundle.folder, "train", "train#trainer#_target_", target)
    with pytest.raises(InvalidBundle, match=named):
        opened(bundle, tmp_path)
    assert opened(bundle, tmp_path, training=False).outputs == ["spleen"]


def test_a_bundle_of_several_stages_says_which_configs_it_has(tmp_path):
    bundle = zoo.spleen_like(tmp_path / "a")
    (bundle.folder / "configs/train.json").rename(bundle.folder / "configs/train_autoencoder.json")
    with pytest.raises(InvalidBundle, match=r"train_autoencoder\.json"):
        opened(bundle, tmp_path)


def test_missing_packages_are_named_with_the_line_that_adds_them():
    with pytest.raises(InvalidBundle) as caught:
        check_packages(
            {"required_packages_version": {"torchvision": "0.20", "no-such": "1.2", "nibabel": "5.4.2"}}
        )
    assert "torchvision==0.20, no-such==1.2" in caught.value.message
    assert "pip install --no-deps torchvision==0.20 no-such==1.2" in caught.value.remedy
    assert "belongs to the image's torch" in caught.value.remedy


def test_other_versions_are_told_and_what_only_reports_is_not_needed():
    named = {"required_packages_version": {"nibabel": "0.1", "tensorboard": "2.17", "fire": "1"}}
    (found,) = check_packages(named).items()
    assert found[0] == "nibabel"
    assert found[1].startswith("0.1, ")
    assert check_packages({}) == {}


def test_channels_are_found_by_name():
    assert match_channels(["t1", "FLAIR"], ["FLAIR", "T2", "T1"]) == ["T1", "FLAIR"]
    assert match_channels(["image"], ["CT"]) == ["CT"]
    with pytest.raises(Mismatch, match="T1gd"):
        match_channels(["T1c"], ["T1gd"])
    with pytest.raises(Mismatch, match="image"):
        match_channels(["image"], ["CT", "PET"])


def test_metadata_need_not_be_json_alone(tmp_path):
    bundle = zoo.spleen_like(tmp_path / "a")
    path = bundle.folder / "configs/train.json"
    path.with_suffix(".yaml").write_text(path.read_text())
    path.unlink()
    assert (
        json.loads(json.dumps(opened(bundle, tmp_path).train_config))["train"]["trainer"]["max_epochs"] == 3
    )
