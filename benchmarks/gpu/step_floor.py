"""G4: how far our training step is above what the device's memory allows."""

from typing import Any

import torch

from benchmarks.gpu.place import Place
from benchmarks.gpu.step import row
from benchmarks.gpu.workloads import workload
from benchmarks.roofline import floors


def main(place: Place) -> list[dict[str, Any]]:
    """Two rows; the floors are those of one H200, on whatever device the step was measured."""
    rows = []
    for name in ("segresnet", "aws_unet"):
        measured = row(name, place)
        work = workload(name, place.tiny)
        meta = torch.device("meta")
        with meta:
            network, (images, labels) = work.network(), work.batch(meta)
        floor = floors(network, work.loss(), images, labels)
        rows.append(
            {
                "stage": f"G4 step of {name} over its memory floor",
                "step_ms": measured["step_ms"]["ours"],
                "times_floor": measured["step_ms"]["ours"] / floor.memory_ms,
                **floor.row(),
            }
        )
    return rows
