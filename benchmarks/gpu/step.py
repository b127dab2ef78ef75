"""G3: the training step alone, on data that lie on the GPU, against MONAI's eager step."""

from typing import Any

import torch

from benchmarks.gpu.place import Place
from benchmarks.gpu.sides import PlainLoop, our_trainer
from benchmarks.gpu.workloads import workload


def main(place: Place) -> list[dict[str, Any]]:
    """Two rows; void, by an error, when the first losses differ by more than bf16's rounding."""
    return [row(name, place) for name in ("segresnet", "aws_unet")]


def row(name: str, place: Place) -> dict[str, Any]:
    """One network."""
    work, steps = workload(name, place.tiny), place.size(20, 1)
    torch.manual_seed(0)
    images, labels = work.batch(place.device)
    network = work.network()
    batch = {"image": images, "label": labels, "case_id": [""] * len(images)}
    ours = our_trainer(network, work.loss(), [batch] * steps, place)
    peer = PlainLoop(network, work.loss(), place)
    with torch.no_grad():
        mine = float(work.loss()(ours.inferer(images, ours.network), labels))
        wanted = float(work.loss()(peer.network(images), labels))
    assert abs(mine - wanted) < 0.01, (mine, wanted)
    found = place.compare(
        f"G3 training step of {name}, {tuple(images.shape)}",
        "MONAI eager, TF32",
        ours.run,
        lambda: peer([batch] * steps),
        runs=place.size(5, 1),
    )
    return {**found, "step_ms": {side: 1000 * taken / steps for side, taken in found["seconds"].items()}}
