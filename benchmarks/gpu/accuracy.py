"""G7: bf16, compilation and augmentation must not change what is learnt."""

from typing import Any

import torch
from monai.networks.nets import UNet

from benchmarks.gpu.place import Place
from benchmarks.gpu.sides import PlainLoop, our_trainer
from benchmarks.gpu.workloads import workload
from medgantry.augmentation import BatchTransforms, RandomFlip, RandomScaleIntensity
from medgantry.training.handlers.batch_augmentation import BatchAugmentation

ALLOWED = 0.005
"""Dice that ours may be below float32 without augmentation."""

ALLOWED_TINY = 0.03
"""The same where few voxels and steps leave both trainings on their way."""
LEARNT = 0.8
"""Dice below which the comparison would say nothing."""
RATE = 1e-2


def main(place: Place) -> list[dict[str, Any]]:
    """One row; void, by an error, when the fast training ends below the plain one."""
    torch.manual_seed(0)
    size, steps = place.size(64, 24), place.size(200, 60)
    network = UNet(spatial_dims=3, in_channels=1, out_channels=1, channels=(8, 16, 32), strides=(2, 2))
    loss = workload("aws_unet", place.tiny).loss
    batches = [_blobs(4, size, seed, place) for seed in range(steps)]
    held_out = _blobs(16, size, steps, place)
    augmentation = BatchTransforms(
        [
            *(RandomFlip(["image", "label"], 0.5, axis) for axis in range(3)),
            RandomScaleIntensity("image", 0.5, [-0.1, 0.1]),
        ]
    )
    ours = our_trainer(network, loss(), batches, place, BatchAugmentation(augmentation, seed=0).attach, RATE)
    peer = PlainLoop(network, loss(), place, rate=RATE)
    ours.run()
    peer(batches)
    found = {"ours": _dice(ours.network, held_out), "peer": _dice(peer.network, held_out)}
    assert found["peer"] > LEARNT, found
    assert found["ours"] > found["peer"] - (ALLOWED_TINY if place.tiny else ALLOWED), found
    return [
        {"stage": f"G7 Dice after {steps} steps on blobs of {size}^3", "peer": "fp32 eager", "dice": found}
    ]


def _blobs(samples: int, size: int, seed: int, place: Place) -> dict[str, Any]:
    """Bright balls in noise, and which voxels they are."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(size)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))[None]
    centres = size * (0.3 + 0.4 * torch.rand(samples, 3, 1, 1, 1, generator=generator))
    radii = size * (0.12 + 0.12 * torch.rand(samples, 1, 1, 1, generator=generator))
    label = (((grid - centres) ** 2).sum(1) < radii**2).float()[:, None]
    image = label + torch.randn(label.shape, generator=generator)
    return {
        "image": image.to(place.device),
        "label": label.to(place.device),
        "case_id": [f"{seed}-{row}" for row in range(samples)],
    }


@torch.inference_mode()
def _dice(network: torch.nn.Module, batch: dict[str, Any]) -> float:
    """Mean Dice of held-out samples, in float32."""
    predicted = network.eval()(batch["image"]) > 0
    wanted = batch["label"] > 0
    overlap = (predicted & wanted).flatten(1).sum(1)
    sizes = predicted.flatten(1).sum(1) + wanted.flatten(1).sum(1)
    return float((2 * overlap / sizes).mean())
