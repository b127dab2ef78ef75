"""A training by a function of the bundle instead of a trainer."""

import json
import shutil

import pytest
import torch
import yaml

from medgantry.bundles import Bundle, open_bundle
from medgantry.errors import InvalidBundle
from medgantry.storage import fetch_folder, publish_folder
from medgantry.training.job import make_job
from medgantry.training.rank import Rank
from medgantry.training.scripted import run_script
from tests.medgantry.training.trainings import Trainings

SCRIPT = """
import torch
from monai.losses import DiceLoss
from monai.networks.nets import UNet


def main(session):
    torch.manual_seed(session.seed)
    network = UNet(3, 4, 3, (4, 8), (2,)).to(session.device)
    session.begin(network)
    optimizer, loss_of = torch.optim.Adam(network.parameters(), 0.01), DiceLoss(sigmoid=True)
    if session.resumed:
        network.load_state_dict(session.resumed["network"])
        optimizer.load_state_dict(session.resumed["optimizer"])
    for epoch in range(session.epochs_done + 1, 4):
        losses = []
        for batch in session.batches(epoch):
            network.train()
            optimizer.zero_grad()
            loss = loss_of(network(batch["image"]), batch["label"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        session.report(epoch, network, state, train_loss=sum(losses) / len(losses))
        if epoch == session.config["stop_after"]:
            raise KeyboardInterrupt
    return network
"""


@pytest.fixture(scope="module")
def trainings(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripted")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        patch.setenv("MEDGANTRY_STORE", "s3://medgantry/scripted")
        patch.setenv("MEDGANTRY_RUN_ID", "scripted")
        yield Trainings(folder)


def scripted(trainings, folder, *, script=SCRIPT, entry="scripts.train:main", stop_after=0):
    """The tiny bundle, its trainer replaced by a function."""
    shutil.copytree(trainings.bundle.folder, folder / "source")
    path = folder / "source/configs/train.yaml"
    config = yaml.safe_load(path.read_text())
    del config["train"]["trainer"]
    path.write_text(yaml.safe_dump(config | {"entry_point": entry, "stop_after": stop_after}))
    (folder / "source/scripts").mkdir()
    (folder / "source/scripts/__init__.py").touch()
    (folder / "source/scripts/train.py").write_text(script)
    return open_bundle(str(folder / "source"), "", folder / "bundle", trust=True)


def run(trainings, bundle, folder, job=None):
    job = job or make_job(trainings.cohort, trainings.shards, bundle, seed=0, ranks=1)
    publish_folder(trainings.store, f"{job.prefix}/input", bundle.folder)
    run_script(Rank(job, bundle, folder / "cache", trainings.store))
    fetch_folder(trainings.store, f"{job.prefix}/bundle", folder / "trained")
    return Bundle(folder / "trained"), json.loads((folder / "trained/history.json").read_text())


def test_a_function_trains_with_the_samples_and_checkpoints_of_a_trainer(trainings, tmp_path):
    trained, history = run(trainings, scripted(trainings, tmp_path), tmp_path)
    assert [point["epoch"] for point in history["points"]] == [1, 2, 3]
    assert len({point["train_loss"] for point in history["points"]}) == 3  # it learns
    assert all("val_dice_mean" in point for point in history["points"])
    assert trained.provenance["best_epoch"] == history["best_epoch"]
    assert torch.load(trained.weights, weights_only=True).keys()


def test_it_goes_on_after_the_last_epoch_that_it_reported(trainings, tmp_path):
    (tmp_path / "whole").mkdir()
    whole = run(trainings, scripted(trainings, tmp_path / "whole", stop_after=9), tmp_path / "whole")
    stopped = scripted(trainings, tmp_path / "a", stop_after=2)
    job = make_job(trainings.cohort, trainings.shards, stopped, seed=0, ranks=1)
    with pytest.raises(KeyboardInterrupt):
        run_script(Rank(job, stopped, tmp_path / "cache", trainings.store))
    again = scripted(trainings, tmp_path / "b")
    resumed = run(trainings, again, tmp_path / "b", job)
    assert resumed[1]["points"] == whole[1]["points"]
    weights = [torch.load(bundle.weights, weights_only=True) for bundle in (whole[0], resumed[0])]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    ("script", "entry", "named"),
    [
        (SCRIPT, "scripts.train:other", "scripts.train:other"),
        (SCRIPT, "scripts.nowhere:main", "nowhere"),
        ("def main(session):\n    return None\n", "scripts.train:main", "return the network"),
    ],
)
def test_what_is_no_training_function_is_refused(trainings, tmp_path, script, entry, named):
    bundle = scripted(trainings, tmp_path, script=script, entry=entry)
    job = make_job(trainings.cohort, trainings.shards, bundle, seed=0, ranks=1)
    with pytest.raises(InvalidBundle, match=named):
        run_script(Rank(job, bundle, tmp_path / "cache", trainings.store))
