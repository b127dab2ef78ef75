"""Where an answer's time goes: who works says which stage this is, and whoever listens is told.

Inference thus knows of no metrics. Who listens is a context variable: requests that are answered side by side each have
their own, `asyncio.to_thread` takes it along, and a thread that is started otherwise has none.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

Stage = Literal["queue", "read", "prepare", "network", "inverse", "write", "answer", "observe"]
"""`answer` is all from `read` to `write`; docs/serving.md says what each is."""


class Listener(Protocol):
    """Who is told."""

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage has ended, however it did; it may come again."""

    def passed(self, size: int) -> None:
        """A network was asked about so many windows, photos or volumes at once."""


_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener of what happens meanwhile, in this context and in those that are copied from it."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """Time a stage, where somebody listens. Stages from `read` to `write` do not lie within each other."""
    listener = _LISTENER.get()
    if listener is None:
        yield
        return
    began = time.monotonic()
    try:
        yield
    finally:
        listener.took(name, time.monotonic() - began)


def network_pass(size: int) -> None:
    """Say how many windows, photos or volumes a network takes at once, where somebody listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.passed(size)
