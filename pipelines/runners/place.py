"""Where steps and model servers of a run on this machine live: as processes, or in containers."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from pipelines.runners.step_logs import StepLogs


class ModelServer(Protocol):
    """A model server that was started."""

    url: str
    """Where steps and people reach it."""

    def ended(self) -> bool:
        """Whether it is gone by itself."""

    def stop(self) -> None:
        """End it; one that has ended is left alone."""

    def record(self) -> dict[str, Any]:
        """What tells it from others, so that a later start can end it."""


class Place(Protocol):
    """A way to run steps."""

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """A pipeline's parameters as the steps must get them."""

    def open(self, environment: dict[str, str]) -> None:
        """Make ready for steps with these variables."""

    def close(self) -> None:
        """Leave nothing behind."""

    def steps(self, logs: StepLogs) -> AbstractContextManager[Any]:
        """While the block lasts, kfp.local's tasks run here; gives kfp.local's runner."""

    def serve(self, name: str, prefix: str, log: Path) -> ModelServer:
        """Start a model server for a served copy in the store."""
