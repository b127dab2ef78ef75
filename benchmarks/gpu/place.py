"""Where a benchmark runs, and how time is taken there."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import monai
import torch


@dataclass(frozen=True)
class Place:
    """A device, and whether the code is only to be shown to run."""

    device: torch.device
    tiny: bool

    @property
    def on_gpu(self) -> bool:
        """Whether times say anything about a GPU."""
        return self.device.type == "cuda"

    def size(self, full: int, tiny: int) -> int:
        """A number of runs, steps or voxels."""
        return tiny if self.tiny else full

    def compare(
        self, name: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any], *, runs: int
    ) -> dict[str, Any]:
        """Medians of interleaved runs after one warm-up each, the device's work included.

        Returns:
            A row; a ratio above 1 means that ours is faster.
        """
        seconds: dict[str, list[float]] = {"ours": [], "peer": []}
        for turn in range(runs + 1):
            for side, work in (("ours", ours), ("peer", theirs)):
                taken = self.seconds(work)
                if turn:
                    seconds[side].append(taken)
        medians = {side: statistics.median(values) for side, values in seconds.items()}
        return {
            "stage": name,
            "peer": peer,
            "seconds": medians,
            "ratio": medians["peer"] / medians["ours"],
            "runs": runs,
        }

    def seconds(self, work: Callable[[], Any]) -> float:
        """Wall time of one run."""
        self._wait()
        began = time.perf_counter()
        work()
        self._wait()
        return time.perf_counter() - began

    def peak_memory(self, work: Callable[[], Any]) -> float:
        """Greatest memory in use on the GPU during a run [MiB]; 0 on a CPU."""
        if not self.on_gpu:
            work()
            return 0.0
        torch.cuda.reset_peak_memory_stats()
        work()
        self._wait()
        return torch.cuda.max_memory_allocated() / 2**20

    def _wait(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    def conditions(self) -> dict[str, Any]:
        """Without which a figure means nothing."""
        return {
            "tiny": self.tiny,
            "device": torch.cuda.get_device_name() if self.on_gpu else platform.processor() or "CPU",
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version() if self.on_gpu else None,
            "monai": monai.__version__,
        }
