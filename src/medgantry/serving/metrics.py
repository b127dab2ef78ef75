"""What Prometheus reads at `/metrics`, beside KServe's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from prometheus_client import Counter, Gauge, Histogram

from medgantry.stages import Stage, listening

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
_STAGE = Histogram(
    "medgantry_stage_seconds", "Time of a request's stages.", ["model", "stage"], buckets=_SECONDS
)
_BATCH = Histogram(
    "medgantry_batch_size",
    "Windows, photos or volumes that a pass of the network takes at once.",
    ["model"],
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
ANSWERED = Counter("medgantry_requests", "Requests by how they ended.", ["model", "protocol", "status"])
QUEUED = Gauge("medgantry_queued_requests", "Requests that wait for their turn.")
RUNNING = Gauge("medgantry_running_requests", "Requests that the model works on.")


def _gpu_bytes() -> float:
    return float(torch.cuda.memory_reserved()) if torch.cuda.is_available() else 0.0


Gauge("medgantry_gpu_memory_bytes", "GPU memory that PyTorch holds.").set_function(_gpu_bytes)


class Stages:
    """The stages of one request; those that come several times, as of an ensemble's members, are added up.

    Args:
        model: The model's name.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self.seconds: dict[Stage, float] = {}

    def took(self, stage: Stage, seconds: float) -> None:
        """See `medgantry.stages.Listener`."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def passed(self, size: int) -> None:
        """See `medgantry.stages.Listener`."""
        _BATCH.labels(self._model).observe(size)

    @classmethod
    @contextmanager
    def counted(cls, model: str) -> Iterator["Stages"]:
        """Listen to a request, and count its stages when it has ended, however it does."""
        stages = cls(model)
        try:
            with listening(stages):
                yield stages
        finally:
            for stage, seconds in stages.seconds.items():
                _STAGE.labels(model, stage).observe(seconds)
