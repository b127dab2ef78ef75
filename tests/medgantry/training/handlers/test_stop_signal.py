"""SIGTERM finishes the step in hand."""

import os
import signal

import pytest
from ignite.engine import Events

from medgantry.training.handlers.agreement import Agreement
from medgantry.training.handlers.stop_signal import StopSignal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("step", "validated"), [(8, [1]), (12, [1])])
def test_the_step_in_hand_is_finished_and_no_other_begun(tiny, number, step, validated):
    training, over = tiny(), []
    former = signal.getsignal(number)
    with StopSignal(Agreement()) as stop:
        stop.attach(training.trainer)
        training.trainer.add_event_handler(
            Events.ITERATION_STARTED(once=step), lambda: os.kill(os.getpid(), number)
        )
        training.trainer.add_event_handler(
            Events.EPOCH_COMPLETED, lambda engine: over.append(engine.state.epoch)
        )
        training.trainer.run()
    assert training.trainer.state.iteration == step
    assert stop.requested
    assert stop.agreed
    assert over == validated
    assert signal.getsignal(number) == former


def test_without_a_signal_training_ends_by_itself(tiny):
    training = tiny()
    with StopSignal(Agreement()) as stop:
        stop.attach(training.trainer)
        training.trainer.run()
        assert training.trainer.state.iteration == 18
        assert not stop.agreed
        assert not stop.ask()


def test_a_signal_between_two_epochs_is_told(tiny):
    with StopSignal(Agreement()) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.ask()
        assert stop.agreed
