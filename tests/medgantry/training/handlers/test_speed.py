"""Speed as measured in a training whose times are known."""

import time

import pytest
import torch
from ignite.engine import Engine, Events

from medgantry.training.handlers.speed import Speed

CPU = torch.device("cpu")


class Slow:
    """Three batches of two crops, each after a wait."""

    waited_s = 0.0

    def __init__(self, wait_s):
        self._wait_s = wait_s

    def __len__(self):
        return 3

    def __iter__(self):
        self.waited_s = 0.0
        for _ in range(3):
            began = time.perf_counter()
            time.sleep(self._wait_s)
            self.waited_s += time.perf_counter() - began
            yield {"image": torch.zeros(2, 1), "case_id": ["a", "b"]}


def measured(wait_s, step_s, validation_s=0.0):
    found = []
    engine = Engine(lambda engine, batch: time.sleep(step_s))
    loader = Slow(wait_s)
    Speed(loader, CPU, lambda numbers, epoch: found.append((epoch, numbers))).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: time.sleep(validation_s))
    engine.run(loader, max_epochs=2)
    return found


def test_each_epoch_has_its_step_time_and_its_rate():
    found = measured(wait_s=0.03, step_s=0.05, validation_s=0.2)
    assert [epoch for epoch, _ in found] == [1, 2]
    for _, numbers in found:
        assert 50 <= numbers["step_ms"] < 80
        assert numbers["samples_per_s"] == pytest.approx(2 / 0.08, rel=0.3)
        assert numbers["data_wait_share"] == pytest.approx(3 / 8, abs=0.12)


def test_without_waiting_there_is_no_wait():
    for _, numbers in measured(wait_s=0.0, step_s=0.05):
        assert numbers["data_wait_share"] < 0.2


def test_what_a_host_waits_while_a_device_works_is_not_lost():
    """A loader that says it was waited for all the time, and a device that was busy all the time."""
    loader = Slow(0.0)
    found = []
    engine = Engine(lambda engine, batch: time.sleep(0.05))
    Speed(loader, CPU, lambda numbers, epoch: found.append(numbers)).attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: setattr(loader, "waited_s", 10.0))
    engine.run(loader, max_epochs=1)
    assert found[0]["data_wait_share"] < 0.2
