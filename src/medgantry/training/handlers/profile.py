"""A few steps of a training under torch's profiler."""

from collections.abc import Callable
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from torch.profiler import ProfilerActivity, profile, schedule

from medgantry.errors import InvalidInput

WARM_UP = 3
"""Steps before the recorded ones: allocation, compilation, choice of kernels, and the profiler's own start."""


class Profile:
    """Writes a trace that Chrome (`chrome://tracing`) and Perfetto show, of the first steps after a warm-up.

    Args:
        steps: How many are recorded.
        path: The file to write, `.json` or `.json.gz`.
        publish: Gets the file when it is written.

    Raises:
        InvalidInput: If no step is to be recorded, or, when it starts, the training has too few.
    """

    def __init__(self, steps: int, path: Path, publish: Callable[[Path], None]) -> None:
        if steps < 1:
            raise InvalidInput(f"profile needs at least 1 step, got {steps}.")
        self._steps, self._path, self._publish = steps, path, publish
        self._written = False
        gpu = [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
        self._profiler = profile(
            activities=[ProfilerActivity.CPU, *gpu],
            schedule=schedule(wait=0, warmup=WARM_UP, active=steps, repeat=1),
            on_trace_ready=self._write,
            record_shapes=True,
        )

    def attach(self, engine: Engine) -> None:
        """Watch a trainer."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.COMPLETED, self._stop)

    def _start(self, engine: Engine) -> None:
        total = engine.state.max_epochs * engine.state.epoch_length
        if total < WARM_UP + self._steps:
            raise InvalidInput(
                f"profile {self._steps} needs {WARM_UP + self._steps} steps, the training has {total}.",
                "Profile fewer steps, or train for more epochs.",
            )
        self._profiler.start()

    def _step(self, engine: Engine) -> None:
        if not self._written:
            self._profiler.step()
            if self._written:
                self._profiler.stop()

    def _stop(self, engine: Engine) -> None:
        # A training that was resumed near its end, or stopped early, leaves a shorter trace, or none.
        if not self._written:
            self._profiler.stop()

    def _write(self, profiler: profile) -> None:
        self._written = True
        profiler.export_chrome_trace(str(self._path))
        self._publish(self._path)
