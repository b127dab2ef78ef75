"""The bundle `spleen_segmentation` as it ships, against the plain way of training the same network on the same CTs.

Plain: MONAI loads and transforms every `.nii.gz` in every epoch, `DataLoader` with processes, Adam at 1e-4, float32.
Fast: deterministic transforms once into shards, decoded cases in the device's memory, threads, Novograd, bfloat16
autocast on a GPU. The recipe is that of MONAI v0.3's post and its 'fast training' tutorial.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import monai
import monai.transforms
import torch
from monai.data import DataLoader, Dataset, list_data_collate
from monai.inferers import Inferer
from monai.transforms import CastToTyped, Compose

from benchmarks.local_shard import write_local_shard
from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.config_ids import look_up
from medgantry.bundles.recipe import Recipe
from medgantry.evaluation.segmentation.dice import dice
from medgantry.loading import BatchLoader, CaseReader, EpochOrder, NodeCache, open_reader
from medgantry.phantoms.spleen import write_task

REGIONS = {"spleen": [1]}
TARGET = 0.80
"""Mean validation Dice; where one of the two never reaches it, the best that both reach is compared too."""
ALLOWED = 1e-3
"""Difference of a stored voxel from MONAI's, of a range of 1: float16 has half of it."""
DETERMINISTIC = "train#deterministic_transforms"
CONSTANT_RATE = {"train#handlers": []}
PLAIN = {
    "optimizer": {"_target_": "torch.optim.Adam", "params": "$@network.parameters()", "lr": 1e-4},
    "amp": False,
}
"""What the plain way has instead, as MONAI's spleen tutorial; its transforms are MONAI's own."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large the task is."""

    size: tuple[int, int, int]
    """Voxels of a CT."""
    train: int
    """Cases."""
    validation: int
    """Cases."""
    epochs: int
    """At most."""
    validate_every: int
    """Epochs."""
    override: Mapping[str, Any] = field(default_factory=dict)
    """Of the bundle, for both."""


SMALL = Scale(
    size=(64, 64, 40),
    train=12,
    validation=4,
    epochs=40,
    validate_every=2,
    override={
        "learning_rate": 0.01,
        "spacing": [2.0, 2.0, 2.5],
        "patch_size": [48, 48, 32],
        "samples_per_case": 2,
        "network_def#channels": [8, 16, 32, 64],
        "network_def#strides": [2, 2, 2],
    },
)
"""For a CPU."""
WHOLE = Scale(size=(192, 192, 80), train=32, validation=9, epochs=60, validate_every=2)
"""The bundle as it is, on cases as many as Task09 has with labels; for a GPU."""


class Side:
    """One way of training: its own network from the same weights, trained an epoch at a time."""

    def __init__(self, recipe: Recipe, loader: Any, stored_s: float = 0.0) -> None:
        torch.manual_seed(0)
        self.stored_s = stored_s
        """Seconds before the first epoch."""
        self.trainer = recipe.trainer(loader)
        self.epochs: list[float] = []
        """Seconds of each."""
        self.dice: dict[int, float] = {}
        """After an epoch, of the validation cases."""

    def train_epoch(self) -> None:
        """One more epoch, measured; on a GPU until its last kernel ended."""
        epoch = self.trainer.state.epoch + 1
        self.trainer.state.max_epochs = epoch
        loader = self.trainer.data_loader
        if isinstance(loader, BatchLoader):
            loader.epoch = epoch
        began = time.perf_counter()
        self.trainer.run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.epochs.append(time.perf_counter() - began)

    def validate(self, inferer: Inferer, cases: Sequence[Mapping[str, torch.Tensor]]) -> None:
        """Mean Dice of whole cases; in no measured time."""
        network = self.trainer.network.eval()
        scores = []
        with torch.no_grad():
            for case in cases:
                logits = inferer(case["image"][None].to(self.trainer.state.device), network)
                scores.append(dice((logits[0] > 0).cpu().numpy(), case["label"].numpy() > 0))
        self.dice[len(self.epochs)] = statistics.fmean(scores)

    def seconds_to(self, dice: float) -> float | None:
        """Training time until a validation reached a Dice; None when none did."""
        epochs = next((epoch for epoch, found in self.dice.items() if found >= dice), None)
        return None if epochs is None else self.stored_s + sum(self.epochs[:epochs])


def measure(scale: Scale, device: torch.device, workers: int) -> dict[str, Any]:
    """Train both ways in turn, until both reach the target or the epochs end; void, by an error, on other inputs."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_task(folder / "task", cases=scale.train + scale.validation, size=scale.size)
        listed = json.loads((folder / "task/dataset.json").read_text())["training"]
        cases = [{role: folder / "task" / path for role, path in case.items()} for case in listed]
        fast = _open(folder / "fast", scale, device, {})
        alone = _monai_alone(look_up(fast.train_config, DETERMINISTIC))
        plain = _open(folder / "plain", scale, device, {**PLAIN, DETERMINISTIC: alone})
        peer_recipe, recipe = Recipe(plain, REGIONS), Recipe(fast, REGIONS)

        began = time.perf_counter()
        shard = write_local_shard(folder, recipe.deterministic, cases)
        stored_s = time.perf_counter() - began
        reader = CaseReader([shard], NodeCache(folder, shard["bytes"]))
        held_out = [reader.read(str(index)) for index in range(scale.train, len(cases))]
        difference = _check(peer_recipe.deterministic, cases[scale.train :], held_out)

        order = EpochOrder(
            [str(index) for index in range(scale.train)], seed=0, batch_size=recipe.batch_size, ranks=1
        )
        cached = open_reader("device", reader, device=device, folder=folder)
        loader = BatchLoader(cached, order, recipe.random, seed=0, threads=2, device=device)
        stages = [*peer_recipe.deterministic.transforms, *peer_recipe.random.transforms]
        transforms = Compose([*stages, CastToTyped("label", dtype=torch.float32)])
        peer_loader = DataLoader(
            Dataset(cases[: scale.train], transforms),
            batch_size=peer_recipe.batch_size,
            shuffle=True,
            num_workers=workers,
            collate_fn=list_data_collate,
            pin_memory=device.type == "cuda",
        )
        ours, peer = Side(recipe, loader, stored_s), Side(peer_recipe, peer_loader)
        inferer = recipe.inferer()
        for epoch in range(1, scale.epochs + 1):
            for side in (ours, peer):
                side.train_epoch()
                if epoch % scale.validate_every == 0:
                    side.validate(inferer, held_out)
            print(epoch, [(side.epochs[-1], side.dice.get(epoch)) for side in (ours, peer)], file=sys.stderr)
            if min(max(side.dice.values(), default=0.0) for side in (ours, peer)) >= TARGET:
                break
        return _row(ours, peer) | {
            "max_difference": difference,
            "precision": "bf16" if device.type == "cuda" else "fp32",
            "conditions": _conditions(scale, device, workers),
        }


def _open(folder: Path, scale: Scale, device: torch.device, changes: Mapping[str, Any]) -> Bundle:
    override = {"device": f"$torch.device('{device}')", **CONSTANT_RATE, **scale.override, **changes}
    return open_bundle("medgantry:spleen_segmentation", json.dumps(override), folder)


def _monai_alone(transforms: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The bundle's transforms without our faster ones: those they stand for."""
    alone: list[dict[str, Any]] = []
    for transform in transforms:
        target = str(transform["_target_"])
        if target == "medgantry.transforms.FusedSpacingd":
            alone += _monai_alone(transform["transforms"])
        else:
            name = target.removeprefix("medgantry.transforms.")
            alone.append({**transform, "_target_": name if hasattr(monai.transforms, name) else target})
    return alone


def _check(
    transforms: Compose,
    cases: Sequence[Mapping[str, Path]],
    stored: Sequence[Mapping[str, torch.Tensor]],
) -> float:
    """The greatest difference of stored images from MONAI's; labels must be equal."""
    differences = []
    for case, found in zip(cases, stored, strict=True):
        wanted = transforms(dict(case))
        assert torch.equal(found["label"], torch.as_tensor(wanted["label"]))
        differences.append(float((found["image"] - torch.as_tensor(wanted["image"])).abs().max()))
    assert max(differences) <= ALLOWED, differences
    return max(differences)


def _row(ours: Side, peer: Side) -> dict[str, Any]:
    sides = {"ours": ours, "peer": peer}
    medians = {name: statistics.median(side.epochs[1:] or side.epochs) for name, side in sides.items()}
    best = {name: max(side.dice.values()) for name, side in sides.items()}
    common = min(TARGET, *best.values())
    to_common = {name: side.seconds_to(common) or 0.0 for name, side in sides.items()}
    return {
        "stage": "spleen, fast training",
        "peer": f"MONAI {monai.__version__}, all transforms in every epoch, DataLoader, Adam 1e-4, fp32",
        "clock": "wall",
        "seconds": medians,
        "ratio": medians["peer"] / medians["ours"],
        "runs": len(ours.epochs) - 1,
        "best_dice": best,
        f"seconds_to_{TARGET}": {name: side.seconds_to(TARGET) for name, side in sides.items()},
        "common_dice": common,
        "seconds_to_common": to_common,
        "ratio_to_common": to_common["peer"] / to_common["ours"],
        "seconds_storing": ours.stored_s,
    }


def _conditions(scale: Scale, device: torch.device, workers: int) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": name,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "workers": workers,
        "torch": torch.__version__,
        "size": list(scale.size),
        "cases": [scale.train, scale.validation],
        "override": dict(scale.override),
    }


def main(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One row; on a GPU where torch sees one, unless told otherwise."""
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spleen_fast")
    parser.add_argument("--device", default=default)
    parser.add_argument("--small", action="store_true", help="the CPU's task on any device")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="of the DataLoader")
    parser.add_argument("--out", type=Path, help="a file for the JSON")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    row = measure(SMALL if given.small or device.type == "cpu" else WHOLE, device, given.workers)
    if given.out:
        given.out.write_text(json.dumps(row, indent=2) + "\n")
    return [row]


if __name__ == "__main__":
    for found in main(sys.argv[1:]):
        print(json.dumps(found))
