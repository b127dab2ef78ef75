"""A loss that is no number stops the training, names its cases, and reaches no checkpoint."""

import math

import pytest
import torch
from ignite.engine import Events
from monai.engines.utils import IterationEvents

from medgantry.training.handlers.agreement import Agreement
from medgantry.training.handlers.finite_loss import FiniteLoss, NonFiniteLoss


def watched(training, every=20):
    """A guard, and what would have become checkpoints."""
    guard, saved = FiniteLoss(Agreement(), every), []
    guard.attach(training.trainer)
    training.trainer.add_event_handler(
        Events.EPOCH_COMPLETED, lambda engine: saved.append((engine.state.epoch, guard.mean()))
    )
    return guard, saved


def test_the_mean_is_that_of_the_losses_of_the_epoch(tiny):
    training, seen = tiny(), []
    training.trainer.add_event_handler(
        IterationEvents.LOSS_COMPLETED, lambda engine: seen.append(engine.state.output["loss"].item())
    )
    guard, saved = watched(training, every=4)
    training.trainer.run()
    assert saved == [(epoch, pytest.approx(sum(seen[6 * epoch - 6 : 6 * epoch]) / 6)) for epoch in (1, 2, 3)]
    assert guard.losses() == seen[-6:]


@pytest.mark.parametrize(("every", "found_at"), [(1, 8), (3, 9), (20, 12)])
def test_nan_stops_with_epoch_step_and_cases(tiny, every, found_at):
    training = tiny(poisoned=[(2, 2)])
    _, saved = watched(training, every)
    with pytest.raises(NonFiniteLoss) as caught:
        training.trainer.run()
    # Epoch 2, step 3 is bad as well, with the weights of step 2: the first one is named.
    assert "epoch 2, step 2 it is nan" in caught.value.message
    assert "this step: r0-s2-a, r0-s2-b; of the step before: r0-s1-a, r0-s1-b" in caught.value.message
    assert training.trainer.state.iteration == found_at
    assert [epoch for epoch, _ in saved] == [1]


def test_nan_in_the_last_step_reaches_no_checkpoint(tiny):
    training = tiny(poisoned=[(1, 6)])
    _, saved = watched(training)
    with pytest.raises(NonFiniteLoss, match="epoch 1, step 6"):
        training.trainer.run()
    assert not saved


def test_weights_that_overflowed_in_the_last_step_reach_no_checkpoint(tiny):
    training = tiny()

    def overflow(engine):
        if engine.state.iteration == 6:
            next(training.network.parameters()).grad[0, 0] = math.inf

    training.trainer.add_event_handler(IterationEvents.BACKWARD_COMPLETED, overflow)
    _, saved = watched(training)
    with pytest.raises(NonFiniteLoss, match=r"weights must be finite; after epoch 1, step 6.*r0-s6-a"):
        training.trainer.run()
    assert not saved


def test_a_resumed_epoch_has_the_losses_of_before(tiny):
    training = tiny(epochs=1)
    guard, saved = watched(training)
    guard.resume([1.0, 2.0])
    assert guard.losses() == [1.0, 2.0]
    training.trainer.state.iteration = training.loader.start_step = 2
    training.trainer.run()
    assert guard.losses()[:2] == [1.0, 2.0]
    assert len(guard.losses()) == 6
    assert saved == [(1, pytest.approx(sum(guard.losses()) / 6))]


def test_the_device_is_asked_only_every_few_steps(tiny, monkeypatch):
    asked = []
    look = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda values: asked.append(len(values)) or look(values))
    training = tiny(epochs=1)
    watched(training, every=4)
    training.trainer.run()
    assert asked == [4, 2]
