"""Trainings that are killed, told to stop, or go on with fewer processes, against one that nobody disturbed."""

import os
import random
import signal
import time

import pytest
import torch

from medgantry.storage import folder_exists
from tests.medgantry.training.trainings import Trainings


@pytest.fixture(scope="module")
def trained(stack, tmp_path_factory):
    """Runs jobs of one tiny training in a store of this module: 6 training cases, 1 for validation."""
    folder = tmp_path_factory.mktemp("interruptions")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        patch.setenv("MEDGANTRY_STORE", "s3://medgantry/interruptions")
        patch.setenv("MEDGANTRY_RUN_ID", "interruptions")
        patch.setenv("MEDGANTRY_CACHE", str(folder / "cache"))
        yield Trainings(folder)


def assert_same(one, other):
    assert one[1] == other[1]
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])


def killed_again_and_again(trained, job, kills, seed):
    """SIGKILL at random moments; returns how many processes were killed before one got to the end."""
    began = time.monotonic()
    trained.finish(job)
    duration = time.monotonic() - began
    undisturbed = trained.result(job, f"undisturbed-{seed}")
    trained.start_over(job)
    rng, killed = random.Random(seed), 0
    while killed < kills and not folder_exists(trained.store, f"{job.prefix}/bundle"):
        process = trained.start(job)
        time.sleep(rng.uniform(0.4, 0.9) * duration)
        if process.poll() is None:
            killed += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not folder_exists(trained.store, f"{job.prefix}/bundle"):
        trained.finish(job)
    assert_same(trained.result(job, f"killed-{seed}"), undisturbed)
    return killed


def test_killed_at_random_moments_it_ends_as_the_undisturbed_one(trained):
    assert killed_again_and_again(trained, trained.job(1), kills=2, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 7))
def test_killed_ten_times_it_ends_as_the_undisturbed_one(trained, seed):
    assert killed_again_and_again(trained, trained.job(seed), kills=10, seed=seed)


def test_told_to_stop_it_keeps_the_step_in_hand_and_goes_on_from_there(trained):
    job = trained.job(7)
    trained.finish(job)
    undisturbed = trained.result(job, "undisturbed-7")
    trained.start_over(job)
    process = trained.start(job)
    trained.wait_for_checkpoint(job, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    assert not folder_exists(trained.store, f"{job.prefix}/bundle")
    trained.finish(job)
    assert_same(trained.result(job, "stopped"), undisturbed)


def test_two_ranks_can_become_one_and_take_the_same_steps(trained):
    job = trained.job(8, ranks=2)
    trained.finish(job, processes=2)
    _, undisturbed = trained.result(job, "undisturbed-8")
    trained.start_over(job)
    process = trained.start(job, processes=2)
    trained.wait_for_checkpoint(job, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not folder_exists(trained.store, f"{job.prefix}/bundle")
    trained.finish(job)
    _, history = trained.result(job, "elastic")
    # The first epoch ran on two ranks; dropout draws differently on one, so that the losses agree only so far.
    assert [point["epoch"] for point in history["points"]] == list(range(6))
    assert history["points"][:2] == undisturbed["points"][:2]
    for one, other in zip(history["points"], undisturbed["points"], strict=True):
        assert one.get("train_loss", 0) == pytest.approx(other.get("train_loss", 0), abs=0.02)
