"""What a training says in the step's log: one line an epoch, for people and for the step record."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

from medgantry.training.launchers.progress import PROGRESS_KEY

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Says where a training is. Attached on rank 0 alone.

    Args:
        metric: Key of the points that decides which epoch is best.
        ranks: How many, all with as many samples as this one.
    """

    def __init__(self, metric: str, ranks: int) -> None:
        self._metric, self._ranks = metric, ranks
        self._samples = 0
        self._said = self._epoch_began = self._step_ended = 0.0

    def attach(self, engine: Engine) -> None:
        """Watch a trainer."""
        self._engine = engine
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self._count)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)

    def update(self, points: Sequence[Mapping[str, float]]) -> None:
        """Say how an epoch went, from the points of `History`, after its validation."""
        state, point = self._engine.state, points[-1]
        parts = [f"loss {point['train_loss']:.4f}"] if "train_loss" in point else []
        if self._metric in point:
            best = max((one for one in points if self._metric in one), key=lambda one: one[self._metric])
            parts.append(
                f"{self._metric} {point[self._metric]:.4f} "
                f"(best {best[self._metric]:.4f} in epoch {best['epoch']:g})"
            )
        seconds = self._step_ended - self._epoch_began
        parts.append(f"{self._samples * self._ranks / max(seconds, 1e-9):.3g} samples/s")
        parts.append(f"{self._left()} left")
        print(f"Epoch {point['epoch']:g} of {state.max_epochs}: {', '.join(parts)}", flush=True)
        self._say_done()

    def _begin(self, engine: Engine) -> None:
        self._began, self._first = time.monotonic(), engine.state.iteration

    def _begin_epoch(self, engine: Engine) -> None:
        self._samples, self._epoch_began = 0, time.monotonic()

    def _count(self, engine: Engine) -> None:
        self._samples += len(engine.state.batch["image"])

    def _step(self, engine: Engine) -> None:
        self._step_ended = time.monotonic()
        if self._step_ended - self._said > _SECONDS_BETWEEN_LINES:
            self._say_done()

    def _left(self) -> timedelta:
        """At the pace since this process began, validation included."""
        state = self._engine.state
        steps = state.max_epochs * state.epoch_length - state.iteration
        pace = (time.monotonic() - self._began) / max(state.iteration - self._first, 1)
        return timedelta(seconds=round(steps * pace))

    def _say_done(self) -> None:
        self._said = time.monotonic()
        state = self._engine.state
        epochs = round(state.iteration / state.epoch_length, 2)
        print(json.dumps({PROGRESS_KEY: [epochs, state.max_epochs, "epochs"]}), flush=True)
