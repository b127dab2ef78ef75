"""How fast a training is, and how much of that is waiting for data."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import torch
from ignite.engine import Engine, Events


class Waiting(Protocol):
    """A loader that knows how long it was waited for."""

    waited_s: float
    """Seconds of this epoch."""


class Speed:
    """Per epoch: `step_ms`, `samples_per_s` and `data_wait_share`, of this rank.

    `step_ms` is the mean time of a step on the device, without data. `samples_per_s` counts the epoch from its start to the end of
    its last step, without validation. `data_wait_share` [1] is the part of that time in which there was no batch. On a GPU
    the host runs ahead: what it waits is only lost as far as the GPU idled between steps, so the smaller of both counts.

    A GPU's times are those of events in its own stream: the host waits for it once, at the epoch's end.

    Args:
        loader: What the trainer's batches come from.
        device: Where the trainer computes.
        log: Gets the numbers and the epoch.
    """

    def __init__(
        self, loader: Waiting, device: torch.device, log: Callable[[dict[str, float], int], None]
    ) -> None:
        self._loader, self._log = loader, log
        self._clock: _Clock = _GpuClock(device) if device.type == "cuda" else _HostClock()

    def attach(self, engine: Engine) -> None:
        """Watch a trainer whose batches have `case_id`."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_STARTED, self._start_step)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end_step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._report)

    def _begin(self, engine: Engine) -> None:
        self._samples = 0
        self._began = self._clock.mark()
        self._starts: list[Any] = []
        self._ends: list[Any] = []

    def _start_step(self, engine: Engine) -> None:
        # Before MONAI decollates the batch into a list of samples.
        self._samples += len(engine.state.batch["case_id"])
        self._starts.append(self._clock.mark())

    def _end_step(self, engine: Engine) -> None:
        self._ends.append(self._clock.mark())

    def _report(self, engine: Engine) -> None:
        if not self._ends:  # resumed at an epoch's very end
            return
        elapsed = self._clock.seconds
        seconds = elapsed(self._began, self._ends[-1])
        busy = sum(elapsed(start, end) for start, end in zip(self._starts, self._ends, strict=True))
        waited = min(self._loader.waited_s, seconds - busy)
        numbers = {
            "step_ms": 1000 * busy / len(self._ends),
            "samples_per_s": self._samples / seconds,
            "data_wait_share": waited / seconds,
        }
        self._log(numbers, engine.state.epoch)


class _Clock(Protocol):
    def mark(self) -> Any: ...

    def seconds(self, start: Any, end: Any) -> float: ...


class _HostClock:
    def mark(self) -> float:
        return time.perf_counter()

    def seconds(self, start: float, end: float) -> float:
        return end - start


class _GpuClock:
    def __init__(self, device: torch.device) -> None:
        self._device = device

    def mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event

    def seconds(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000
