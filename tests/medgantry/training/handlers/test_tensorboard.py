"""TensorBoard where it is installed, and an error that names it where it is not."""

import importlib.util

import pytest

from medgantry.errors import InvalidInput
from medgantry.training.handlers.tensorboard import TensorBoard

INSTALLED = importlib.util.find_spec("tensorboard") is not None


@pytest.mark.skipif(INSTALLED, reason="tensorboard is installed")
def test_a_missing_package_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="package `tensorboard`, which this image lacks"):
        TensorBoard(tmp_path)


@pytest.mark.skipif(not INSTALLED, reason="tensorboard is not installed")
def test_points_become_scalars(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoard(tmp_path)
    board.update({"epoch": 0, "val_dice_mean": 0.25})
    board.update({"epoch": 1, "val_dice_mean": 0.5, "train_loss": 1.0})
    board.close()
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("val_dice_mean")] == [(0, 0.25), (1, 0.5)]
    assert [event.step for event in events.Scalars("train_loss")] == [1]
