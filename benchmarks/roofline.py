"""How fast a training step could be at most: its arithmetic, and the memory traffic of each operation by itself.

`python -m benchmarks.roofline` prints the floors of the benchmark networks on one H200. No device of that kind is needed:
operations are counted where there is room for them, on the CPU.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.workloads import WORKLOADS

H200_FLOPS = 790e12
"""Multiplications and additions of bf16 matrices per second, measured."""
H200_BYTES = 4.3e12
"""Bytes of its memory per second, measured."""


@dataclass(frozen=True, kw_only=True)
class Floors:
    """Of one forward and backward pass."""

    flops: int
    bytes: int
    """Inputs and outputs of every operation, in 16 bit: what fusion can save is in it."""
    operations: int

    @property
    def compute_ms(self) -> float:
        """Time for the arithmetic alone, on one H200."""
        return 1000 * self.flops / H200_FLOPS

    @property
    def memory_ms(self) -> float:
        """Time for the traffic alone, on one H200."""
        return 1000 * self.bytes / H200_BYTES

    def row(self) -> dict[str, float]:
        """For a table."""
        return {
            "gflop": self.flops / 1e9,
            "traffic_gb": self.bytes / 1e9,
            "operations": self.operations,
            "compute_floor_ms": self.compute_ms,
            "memory_floor_ms": self.memory_ms,
        }


def floors(network: torch.nn.Module, loss: Callable[..., torch.Tensor], images: Any, labels: Any) -> Floors:
    """Count one training step.

    Args:
        network: On any device, also `meta`, which has shapes and no values.
        loss: Of output and labels.
        images: (B, C, i, j, k).
        labels: As the loss takes them.
    """
    with FlopCounterMode(display=False) as arithmetic, _Traffic() as traffic:
        loss(network(images), labels).backward()
    return Floors(
        flops=arithmetic.get_total_flops(), bytes=2 * traffic.numbers, operations=traffic.operations
    )


class _Traffic(TorchDispatchMode):
    """Numbers that operations read and write; views move none."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
            self.numbers += sum(tensor.numel() for tensor in tensors)
            self.operations += 1
        return result


def main() -> list[dict[str, Any]]:
    """One row for each of the benchmark's networks."""
    rows = []
    for name, workload in WORKLOADS.items():
        with torch.device("meta"):
            network, (images, labels) = workload.network(), workload.batch(torch.device("meta"))
        rows.append({"network": name, **floors(network, workload.loss(), images, labels).row()})
    return rows


if __name__ == "__main__":
    for each in main():
        print(json.dumps(each))
