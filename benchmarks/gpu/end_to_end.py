"""G1: an epoch of the AWS sample's workload from local disk, against MONAI's way from `.pt` files."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from monai.transforms import Compose, RandFlipd, RandScaleIntensityd, RandShiftIntensityd
from torch.utils.data import DataLoader, Dataset

from benchmarks.gpu.place import Place
from benchmarks.gpu.sides import PlainLoop, our_trainer
from benchmarks.gpu.workloads import Workload, workload
from benchmarks.local_shard import write_local_shard
from medgantry.augmentation import BatchTransforms, RandomFlip, RandomScaleIntensity, RandomShiftIntensity
from medgantry.loading import BatchLoader, CaseReader, EpochOrder, NodeCache
from medgantry.training.handlers.batch_augmentation import BatchAugmentation
from medgantry.training.handlers.speed import Speed


def main(place: Place) -> list[dict[str, Any]]:
    """One row; void, by an error, when what is read differs by more than float16's rounding."""
    work = workload("aws_unet", place.tiny)
    cases = place.size(500, 4)
    readers = min(os.cpu_count() or 1, 16)
    with TemporaryDirectory() as name:
        folder = Path(name)
        loader = _our_loader(_write(work, cases, folder), folder, work.batch_size, readers, place)
        files = [folder / f"{case}.pt" for case in range(cases)]
        _check(loader, files)
        numbers: list[dict[str, float]] = []
        torch.manual_seed(0)
        network = work.network()
        ours = our_trainer(network, work.loss(), loader, place)
        both, image = ("image", "label"), "image"
        transforms = [RandomFlip(both, 0.5, axis) for axis in range(3)]
        scale = RandomScaleIntensity(image, 0.5, [-0.1, 0.1]), RandomShiftIntensity(image, 0.5, [-0.1, 0.1])
        BatchAugmentation(BatchTransforms([*transforms, *scale]), seed=0).attach(ours)
        Speed(loader, place.device, lambda found, epoch: numbers.append(found)).attach(ours)
        peer = PlainLoop(network, work.loss(), place)
        theirs = DataLoader(
            _Pickled(files),
            batch_size=work.batch_size,
            shuffle=True,
            num_workers=place.size(readers, 0),
            pin_memory=place.on_gpu,
            persistent_workers=not place.tiny,
        )
        row = place.compare(
            f"G1 an epoch of {cases} samples of 4 x {' x '.join(map(str, work.shape))} from local disk",
            f"MONAI, .pt in float32, DataLoader of {readers} processes, fp32 eager",
            ours.run,
            lambda: peer(theirs),
            runs=place.size(3, 1),
        )
    rates = {side: cases / seconds for side, seconds in row["seconds"].items()}
    return [{**row, "samples_per_s": rates, "ours_last_epoch": numbers[-1]}]


def _write(work: Workload, cases: int, folder: Path) -> dict[str, Any]:
    """The same samples twice: in one shard, whose sidecar is given, and one `.pt` each."""

    def made(case: dict[str, Any]) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(case["index"])
        image = torch.randn(work.channels, *work.shape, generator=generator)
        label = (torch.rand(work.regions, *work.shape, generator=generator) > 0.9).to(torch.uint8)
        torch.save({"image": image, "label": label.float()}, folder / f"{case['index']}.pt")
        return {"image": image, "label": label}

    return write_local_shard(folder, made, [{"index": index} for index in range(cases)])


def _our_loader(
    shard: dict[str, Any], folder: Path, batch_size: int, threads: int, place: Place
) -> BatchLoader:
    reader = CaseReader([shard], NodeCache(folder, 2**60))
    order = EpochOrder(list(shard["cases"]), seed=0, batch_size=batch_size, ranks=1)
    return BatchLoader(reader, order, Compose([]), seed=0, threads=threads, device=place.device, ahead=4)


def _check(loader: BatchLoader, files: list[Path]) -> None:
    batch = next(iter(loader))
    for row, case in enumerate(batch["case_id"]):
        wanted = torch.load(files[int(case)], weights_only=True)
        assert torch.equal(batch["label"][row].cpu(), wanted["label"])
        assert torch.allclose(batch["image"][row].cpu(), wanted["image"], rtol=1e-3, atol=1e-3)


class _Pickled(Dataset[dict[str, torch.Tensor]]):
    """The peer's samples, transformed in its processes."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        both = ["image", "label"]
        self._transforms = Compose(
            [
                *(RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)),
                RandScaleIntensityd("image", factors=0.1, prob=0.5),
                RandShiftIntensityd("image", offsets=0.1, prob=0.5),
            ]
        )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        made = self._transforms(torch.load(self._files[index], weights_only=True))
        return {key: value.as_tensor() for key, value in made.items()}
