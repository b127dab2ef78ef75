"""Patience with the validation metric."""

import pytest
from ignite.engine import Events

from medgantry.errors import InvalidInput
from medgantry.training.handlers.agreement import Agreement
from medgantry.training.handlers.early_stopping import EarlyStopping


def points(*values):
    return [{"epoch": epoch, "dice": value} for epoch, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "patience", "min_delta", "ends"),
    [
        ((0.1, 0.2, 0.3), 1, 0.0, False),
        ((0.3, 0.2), 2, 0.0, False),
        ((0.3, 0.2, 0.2), 2, 0.0, True),
        ((0.3, 0.2, 0.4, 0.3), 2, 0.0, False),
        ((0.3, 0.3, 0.3), 2, 0.0, True),  # no gain is none
        ((0.30, 0.34, 0.38), 2, 0.05, False),  # both together are a gain over the best that counted
        ((0.30, 0.34, 0.34), 2, 0.05, True),
    ],
)
def test_training_ends_after_patience_without_a_gain(tiny, values, patience, min_delta, ends):
    early = EarlyStopping("dice", patience=patience, min_delta=min_delta, agreement=Agreement())
    early.attach(tiny().trainer)
    assert early.update(points(*values)) is ends


def test_the_run_ends_after_the_epoch(tiny):
    training, seen = tiny(epochs=9), points(0.5)
    early = EarlyStopping("dice", patience=2, min_delta=0.0, agreement=Agreement())
    early.attach(training.trainer)

    def end(engine):
        seen.append({"epoch": engine.state.epoch, "dice": 0.6 if engine.state.epoch == 1 else 0.4})
        early.update(seen)

    training.trainer.add_event_handler(Events.EPOCH_COMPLETED, end)
    training.trainer.run()
    assert training.trainer.state.epoch == 3


def test_what_cannot_be_decided_is_refused(tiny):
    early = EarlyStopping("dice", patience=2, min_delta=0.0, agreement=Agreement())
    with pytest.raises(InvalidInput, match=r"'dice'.*epoch 1 has none"):
        early.update([{"epoch": 1, "train_loss": 0.1}])
    with pytest.raises(InvalidInput, match="patience >= 1"):
        EarlyStopping("dice", patience=0, min_delta=0.0, agreement=Agreement())
