"""SIGTERM and SIGINT as a wish: finish the step in hand, so that a checkpoint can be written and the process ends."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from ignite.engine import Engine, Events

from medgantry.training.handlers.agreement import Agreement

EXIT_CODE = 143
"""128 + SIGTERM, also for SIGINT: whoever watches sees that the training was told to stop and can go on."""


class StopSignal:
    """Takes the signals while it is entered, and ends the trainer's run after the same step on all ranks.

    One rank ends after the step in hand. Several ask each other at every step whether any was told, and hear the
    answer after the next step: the question travels between the hosts while the step is computed, so that no step
    waits for it and no GPU is synchronised. The price is one more step.

    Args:
        agreement: Of the ranks.
    """

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._answer: Callable[[], bool] | None = None
        self.requested = False
        """Whether this rank was told to stop; says nothing about the others."""
        self.agreed = False
        """Whether the run was ended by it, the same on all ranks."""

    def __enter__(self) -> Self:
        self._former: dict[int, Any] = {
            number: signal.signal(number, self._request) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def attach(self, engine: Engine) -> None:
        """End this trainer's run; the last step of an epoch ends it before the epoch is completed."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._look)

    def ask(self) -> bool:
        """Whether any rank was told to stop, between two epochs. Every rank must ask."""
        earlier, self._answer = self._answer, None
        self.agreed = (earlier is not None and earlier()) or self._agreement.any(self.requested)
        return self.agreed

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def _look(self, engine: Engine) -> None:
        last = engine.state.iteration % engine.state.epoch_length == 0
        if last or self._agreement.ranks == 1:
            self.ask()
        else:
            self.agreed = self._answer is not None and self._answer()
            self._answer = None if self.agreed else self._agreement.ask_any(self.requested)
        if self.agreed:
            engine.terminate(skip_completed=True)
