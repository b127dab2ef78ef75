"""Speed as measured in a training whose times are known."""

from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine, Events

from medgantry.training.handlers import speed
from medgantry.training.handlers.speed import Speed

CPU = torch.device("cpu")


class Clock:
    """Time passes only where a test says so."""

    now = 100.0

    def sleep(self, seconds):
        self.now += seconds

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=clock.perf_counter))
    return clock


class Slow:
    """Three batches of two crops, each after a wait."""

    waited_s = 0.0

    def __init__(self, clock, wait_s):
        self._clock, self._wait_s = clock, wait_s

    def __len__(self):
        return 3

    def __iter__(self):
        self.waited_s = 0.0
        for _ in range(3):
            self._clock.sleep(self._wait_s)
            self.waited_s += self._wait_s
            yield {"image": torch.zeros(2, 1), "case_id": ["a", "b"]}


def measured(clock, wait_s, step_s, validation_s=0.0):
    found = []
    engine = Engine(lambda engine, batch: clock.sleep(step_s))
    loader = Slow(clock, wait_s)
    Speed(loader, CPU, lambda numbers, epoch: found.append((epoch, numbers))).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: clock.sleep(validation_s))
    engine.run(loader, max_epochs=2)
    return found


def test_each_epoch_has_its_step_time_and_its_rate(clock):
    found = measured(clock, wait_s=0.03, step_s=0.05, validation_s=0.2)
    assert [epoch for epoch, _ in found] == [1, 2]
    for _, numbers in found:
        assert numbers == pytest.approx({"step_ms": 50, "samples_per_s": 2 / 0.08, "data_wait_share": 3 / 8})


def test_without_waiting_there_is_no_wait(clock):
    for _, numbers in measured(clock, wait_s=0.0, step_s=0.05):
        assert numbers["data_wait_share"] == 0


def test_what_a_host_waits_while_a_device_works_is_not_lost(clock):
    """A loader that says it was waited for all the time, and a device that was busy all the time."""
    loader = Slow(clock, 0.0)
    found = []
    engine = Engine(lambda engine, batch: clock.sleep(0.05))
    Speed(loader, CPU, lambda numbers, epoch: found.append(numbers)).attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: setattr(loader, "waited_s", 10.0))
    engine.run(loader, max_epochs=1)
    assert found[0]["data_wait_share"] == pytest.approx(0)
