"""Runs that repeat bit for bit."""

import random

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.utils import set_determinism

from medgantry.training.handlers.determinism import StepSeeds, make_deterministic


@pytest.fixture
def deterministic():
    before = torch.are_deterministic_algorithms_enabled()
    make_deterministic(7)
    yield
    set_determinism(seed=None)
    torch.use_deterministic_algorithms(before)


def run(training, *, seed, rank=0):
    StepSeeds(seed, rank).attach(training.trainer)
    training.trainer.run()
    return training.weights


def test_two_runs_are_equal_bit_for_bit(tiny, deterministic):
    first = run(tiny(), seed=1)
    torch.manual_seed(99)  # what happened before does not matter
    assert torch.equal(run(tiny(), seed=1), first)
    assert not torch.equal(run(tiny(), seed=2), first)
    assert not torch.equal(run(tiny(), seed=1, rank=1), first)


def draws(training):
    """What each generator gives after each step."""
    drawn = []
    StepSeeds(1, 0).attach(training.trainer)
    training.trainer.add_event_handler(
        Events.ITERATION_COMPLETED,
        lambda: drawn.extend([random.random(), float(np.random.rand()), float(torch.rand(()))]),
    )
    training.trainer.run()
    return drawn


def test_every_step_draws_anew_from_every_generator(tiny):
    drawn = draws(tiny())
    assert len(set(drawn)) == 3 * 18
    assert draws(tiny()) == drawn


def test_deterministic_mode_refuses_what_does_not_repeat(deterministic):
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    with pytest.raises(RuntimeError, match="deterministic"):
        torch.zeros(4).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]), accumulate=False)
