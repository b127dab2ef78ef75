"""What Prometheus reads at `/metrics`, beside KServe's own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
_STAGE = Histogram(
    "medgantry_stage_seconds", "Time of a request's stages.", ["model", "stage"], buckets=_SECONDS
)
ANSWERED = Counter("medgantry_requests", "Requests by how they ended.", ["model", "protocol", "status"])
QUEUED = Gauge("medgantry_queued_requests", "Requests that wait for their turn.")
RUNNING = Gauge("medgantry_running_requests", "Requests that the model works on.")


def _gpu_bytes() -> float:
    return float(torch.cuda.memory_reserved()) if torch.cuda.is_available() else 0.0


Gauge("medgantry_gpu_memory_bytes", "GPU memory that PyTorch holds.").set_function(_gpu_bytes)


class Stages:
    """The stages of one request.

    Args:
        model: The model's name.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time a stage, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = time.monotonic() - began
            _STAGE.labels(self._model, stage).observe(self.seconds[stage])
