"""G6: nnU-Net's augmentation of batches on the GPU, against the same by MONAI on all cores."""

import os
from typing import Any

import torch

from benchmarks.gpu.nnunet_augmentation import monai_transforms, our_transforms
from benchmarks.gpu.place import Place

BATCH = 4


def main(place: Place) -> list[dict[str, Any]]:
    """One row; void, by an error, when masks are no masks any more, or the host waited for the GPU.

    The peer works on one core; it is granted that all cores are as many times faster.
    """
    torch.manual_seed(0)
    size = place.size(128, 24)
    image = torch.randn(BATCH, 1, size, size, size, device=place.device)
    label = (image > 1).to(torch.uint8)
    ours, theirs = our_transforms(), monai_transforms()
    samples = [{"image": image[row].cpu(), "label": label[row].cpu().float()} for row in range(BATCH)]
    repeats = place.size(50, 1)

    def augment() -> None:
        for turn in range(repeats):
            made = ours({"image": image, "label": label}, range(BATCH * turn, BATCH * (turn + 1)))
        assert made["label"].shape == label.shape

    if place.on_gpu:
        augment()
        torch.cuda.set_sync_debug_mode("error")
        augment()
        torch.cuda.set_sync_debug_mode("default")
    _check(ours({"image": image, "label": label}, range(BATCH)), label)
    torch.set_num_threads(1)
    row = place.compare(
        f"G6 nnU-Net's augmentation of {BATCH} x 1 x {size}^3",
        "MONAI's transforms on the CPU; batchgeneratorsv2 is not installed here",
        augment,
        lambda: [theirs(dict(sample)) for sample in samples],
        runs=place.size(5, 1),
    )
    cores = os.cpu_count() or 1
    rates = {
        "ours": BATCH * repeats / row["seconds"]["ours"],
        "peer_one_core": BATCH / row["seconds"]["peer"],
        "peer_all_cores": BATCH / row["seconds"]["peer"] * cores,
    }
    return [{**row, "ratio": rates["ours"] / rates["peer_all_cores"], "samples_per_s": rates, "cores": cores}]


def _check(made: dict[str, Any], label: torch.Tensor) -> None:
    assert torch.isfinite(made["image"]).all()
    assert set(made["label"].unique().tolist()) <= {0, 1}
    assert not torch.equal(made["label"], label)
