"""A training stopped after any step and gone on with from its checkpoint is the one that nobody disturbed."""

import os
import signal

import pytest
import torch
from ignite.engine import Events

from medgantry.training.checkpoint import Checkpoints, restore_trainer, trainer_state
from medgantry.training.handlers.agreement import Agreement
from medgantry.training.handlers.determinism import StepSeeds
from medgantry.training.handlers.finite_loss import FiniteLoss
from medgantry.training.handlers.learning_rate import LearningRate
from medgantry.training.handlers.stop_signal import StopSignal


class Guarded:
    """A tiny training with the handlers and checkpoints of a real one."""

    def __init__(self, training, checkpoints):
        self.training, self.checkpoints = training, checkpoints
        self.losses, self.rate, self.stop = FiniteLoss(Agreement()), LearningRate(), StopSignal(Agreement())
        for handler in (StepSeeds(5, 0), self.losses, self.rate, self.stop):
            handler.attach(training.trainer)
        training.trainer.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        self.points = []

    def run(self, stop_after=None):
        trainer = self.training.trainer
        state = self.checkpoints.resume()
        if state:
            restore_trainer(trainer, self.training.network, self.training.scheduler, state)
            self.losses.resume(state["losses"])
            self.points = state["points"]
            self.training.loader.epoch, self.training.loader.start_step = (
                state["epoch"] + 1,
                state["step"] % 6,
            )
        if stop_after:
            trainer.add_event_handler(
                Events.ITERATION_STARTED(once=stop_after), lambda: os.kill(os.getpid(), signal.SIGTERM)
            )
        with self.stop:
            trainer.run()
        if self.stop.agreed:
            epochs = len(self.points)
            self._save(epochs, trainer.state.iteration - 6 * epochs, self.losses.losses())

    def _end_epoch(self, engine):
        self.points.append({"epoch": engine.state.epoch, "loss": self.losses.mean(), **self.rate.values})
        self._save(engine.state.epoch, 0, [])

    def _save(self, epochs, step, losses):
        training = self.training
        state = trainer_state(training.trainer, training.network, training.scheduler)
        self.checkpoints.save(epochs, {**state, "losses": losses, "points": self.points}, step)


@pytest.fixture
def undisturbed(tiny, store):
    guarded = Guarded(tiny(), Checkpoints(store, "undisturbed"))
    guarded.run()
    assert [point["epoch"] for point in guarded.points] == [1, 2, 3]
    return guarded


def test_a_stop_after_any_step_changes_nothing(tiny, store, undisturbed):
    """The last step of an epoch too, where only its end is missing."""
    for step in range(1, 19):
        prefix = f"stopped-{step}"
        first = Guarded(tiny(), Checkpoints(store, prefix))
        first.run(stop_after=step)
        assert first.training.trainer.state.iteration == step
        torch.manual_seed(step)
        second = Guarded(tiny(), Checkpoints(store, prefix))
        second.run()
        assert torch.equal(second.training.weights, undisturbed.training.weights), step
        assert second.points == undisturbed.points, step


def test_several_stops_change_nothing(tiny, store, undisturbed):
    for step in (2, 4, 6, 7, 12, 13):
        Guarded(tiny(), Checkpoints(store, "often")).run(stop_after=step)
    last = Guarded(tiny(), Checkpoints(store, "often"))
    last.run()
    assert torch.equal(last.training.weights, undisturbed.training.weights)
    assert last.points == undisturbed.points
