import json

import numpy as np
import pytest
import torch
from monai.handlers import LrScheduleHandler
from torch.utils.data import DataLoader

from medgantry.bundles import open_bundle
from medgantry.bundles.config_files import set_config
from medgantry.bundles.recipe import Recipe
from medgantry.errors import InvalidBundle
from tests.medgantry.bundles import zoo


def names(compose):
    return [type(transform).__name__ for transform in compose.transforms]


@pytest.fixture
def spleen(tmp_path):
    return zoo.spleen_like(tmp_path / "spleen")


@pytest.fixture
def brats(tmp_path):
    return zoo.brats_like(tmp_path / "brats")


def test_named_lists_are_the_stages(spleen):
    recipe = Recipe(spleen, {})
    assert names(recipe.deterministic)[-1] == "EnsureTyped"
    assert names(recipe.random) == ["RandCropByPosNegLabeld"]
    assert recipe.batch_size == 2


def test_one_list_is_split_at_its_first_random_transform(brats):
    recipe = Recipe(brats, {})
    assert names(recipe.deterministic) == [
        "LoadImaged", "ConvertToMultiChannelBasedOnBratsClassesd", "NormalizeIntensityd",
    ]  # fmt: skip
    assert names(recipe.random) == ["RandFlipd", "CenterSpatialCropd"]


def test_a_callable_that_is_no_transform_is_never_stored(brats):
    transforms = brats.train_config["train"]["transforms"]
    set_config(brats.folder, "train", "train#transforms", ["$lambda x: x", *transforms])
    assert names(Recipe(type(brats)(brats.folder), {}).deterministic) == []


def batches(recipe):
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.normal(size=(4, 1, 16, 16, 16)).astype(np.float32))
    label = (image > 0.5).float()
    samples = [{"image": image[i], "label": label[i]} for i in range(4)]
    return DataLoader(samples, batch_size=recipe.batch_size)


def with_trainer(bundle, **arguments):
    """The bundle, with other arguments of its trainer."""
    config = bundle.train_config
    trainer = config["trainer"] if "trainer" in config else config["train"]["trainer"]
    trainer |= arguments
    (bundle.folder / "configs/train.json").write_text(json.dumps(config))
    return type(bundle)(bundle.folder)


def test_the_bundles_own_trainer_trains_from_our_loader_without_its_handlers_that_report(spleen):
    recipe = Recipe(with_trainer(spleen, amp=False, max_epochs=2), {})
    trainer = recipe.trainer(batches(recipe))
    before = [parameter.clone() for parameter in trainer.network.parameters()]
    trainer.run()
    assert trainer.state.epoch == 2
    assert trainer.state.iteration == 4
    assert not trainer.amp
    assert any((a != b).any() for a, b in zip(before, trainer.network.parameters(), strict=True))
    assert recipe.scheduler() is None
    assert names(recipe.postprocessing()) == ["Activationsd", "AsDiscreted"]


def test_the_scheduler_is_the_one_that_the_trainer_steps(spleen):
    handler = {"_target_": "LrScheduleHandler", "lr_scheduler": "@lr_scheduler", "print_lr": False}
    config = spleen.train_config
    config["lr_scheduler"] = {
        "_target_": "torch.optim.lr_scheduler.StepLR",
        "optimizer": "@optimizer",
        "step_size": 1,
    }
    config["train"]["handlers"] = [handler, *config["train"]["handlers"]]
    (spleen.folder / "configs/train.json").write_text(json.dumps(config))
    recipe = Recipe(with_trainer(type(spleen)(spleen.folder), max_epochs=2), {})
    trainer = recipe.trainer(batches(recipe))
    trainer.run()
    assert recipe.scheduler().optimizer is trainer.optimizer
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * 0.1**2)
    assert isinstance(LrScheduleHandler(recipe.scheduler()), LrScheduleHandler)


def test_whole_cases_go_through_the_inference_config_where_nothing_validates(spleen):
    config = spleen.train_config
    del config["validate"]
    (spleen.folder / "configs/train.json").write_text(json.dumps(config))
    recipe = Recipe(type(spleen)(spleen.folder), {})
    assert recipe.inferer().roi_size == [16, 16, 16]
    assert names(recipe.postprocessing()) == ["Activationsd", "AsDiscreted", "FillHolesd"]


def test_scripts_are_those_of_the_bundle_in_hand(tmp_path):
    for name in ("one", "two"):
        bundle = zoo.brats_like(tmp_path / name)
        (bundle.folder / "scripts").mkdir()
        (bundle.folder / "scripts/__init__.py").write_text(f"NAME = {name!r}\n")
        (bundle.folder / "scripts/flips.py").write_text(
            "from monai.transforms import RandFlipd\nfrom scripts import NAME\n\n"
            "class RandFlipOnced(RandFlipd):\n    name = NAME\n"
        )
        set_config(bundle.folder, "train", "train#transforms#3#_target_", "scripts.flips.RandFlipOnced")
        recipe = Recipe(type(bundle)(bundle.folder), {})
        assert recipe.random.transforms[0].name == name


def test_another_trainer_is_refused_with_its_name(spleen):
    set_config(spleen.folder, "train", "train#trainer#_target_", "torch.nn.Identity")
    recipe = Recipe(type(spleen)(spleen.folder), {})
    with pytest.raises(InvalidBundle, match="Identity"):
        recipe.trainer(batches(recipe))


def test_a_trainer_may_lie_at_the_top_as_in_the_zoos_templates(spleen):
    config = spleen.train_config
    train = config.pop("train")
    trainer = train["trainer"] | {
        "train_data_loader": "@dataloader",
        "train_handlers": [],
        "inferer": "@inferer",
    }
    config |= {
        "trainer": trainer,
        "dataloader": train["dataloader"] | {"dataset": "@dataset"},
        "dataset": train["dataset"] | {"transform": "@preprocessing"},
        "preprocessing": {"_target_": "Compose", "transforms": "$@stored + @drawn"},
        "stored": train["deterministic_transforms"],
        "drawn": train["random_transforms"],
        "inferer": train["inferer"],
    }
    del config["validate"]
    (spleen.folder / "configs/train.json").write_text(json.dumps(config))
    bundle = open_bundle(
        str(spleen.folder), '{"epochs": 1, "batch_size": 4}', spleen.folder.parent / "opened", trust=True
    )
    recipe = Recipe(with_trainer(bundle, amp=False), {})
    assert names(recipe.random) == ["RandCropByPosNegLabeld"]
    trainer = recipe.trainer(batches(recipe))
    trainer.run()
    assert (trainer.state.epoch, trainer.state.iteration) == (1, 1)


def test_names_of_outputs_may_be_called_label_def(spleen):
    path = spleen.folder / "configs/metadata.json"
    metadata = json.loads(path.read_text())
    pred = metadata["network_data_format"]["outputs"]["pred"]
    pred["label_def"] = pred.pop("channel_def")
    path.write_text(json.dumps(metadata))
    assert type(spleen)(spleen.folder).outputs == ["spleen"]
