"""G2: nnU-Net's recipe (network, patch, batch, augmentation), against mixed precision fed from the CPU."""

import os
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from benchmarks.gpu.nnunet_augmentation import monai_transforms, our_transforms
from benchmarks.gpu.place import Place
from benchmarks.gpu.sides import PlainLoop, our_trainer
from benchmarks.gpu.workloads import Workload, workload
from medgantry.training.handlers.batch_augmentation import BatchAugmentation

EPOCH = 250
"""Steps of an epoch, as in nnU-Net."""


def main(place: Place) -> list[dict[str, Any]]:
    """One row, in seconds of 250 steps; void, by an error, when a loss is not finite."""
    work = workload("plain_unet", place.tiny)
    steps = place.size(EPOCH, 1)
    workers = min(os.cpu_count() or 1, 16)
    torch.manual_seed(0)
    network = work.network()
    images, labels = work.batch(place.device)
    names = [str(row) for row in range(len(images))]
    ours = our_trainer(
        network,
        work.loss(),
        [{"image": images, "label": labels, "case_id": names}] * steps,
        place,
        BatchAugmentation(our_transforms(), seed=0).attach,
    )
    peer = PlainLoop(network, work.loss(), place, autocast=torch.bfloat16)
    theirs = DataLoader(
        _Augmented(work, steps),
        batch_size=work.batch_size,
        num_workers=place.size(workers, 0),
        pin_memory=place.on_gpu,
        persistent_workers=not place.tiny,
    )
    losses: list[float] = []
    row = place.compare(
        f"G2 nnU-Net's recipe, {steps} steps of {work.batch_size} x {' x '.join(map(str, work.shape))}",
        f"the same network in bf16, eager, MONAI's augmentation in {workers} processes; "
        "nnU-Net 2 itself is not installed here",
        ours.run,
        lambda: losses.append(peer(theirs)),
        runs=place.size(2, 1),
    )
    assert all(torch.isfinite(torch.tensor([*losses, float(ours.state.output["loss"].detach())])))
    return [row]


class _Augmented(Dataset[dict[str, torch.Tensor]]):
    """Samples that lie in memory, augmented in the peer's processes."""

    def __init__(self, work: Workload, steps: int) -> None:
        images, labels = work.batch(torch.device("cpu"))
        self._image, self._label, self._length = images[0], labels[0], steps * work.batch_size
        self._transforms = monai_transforms()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        made = self._transforms({"image": self._image, "label": self._label})
        return {key: value.as_tensor() for key, value in made.items()}
