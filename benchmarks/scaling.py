"""Training on 1, 2, ... ranks: samples/s, efficiency, and the share of time without data.

On one node: `python -m benchmarks.scaling --ranks 1 2 4 8 --out scaling.json`. On several, on each node:
`torchrun --nnodes N --nproc-per-node G --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m benchmarks.scaling --out row.json`,
which writes the row of that number of ranks on rank 0.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import torch
import torch.distributed as dist
from ignite.engine import Events
from monai.transforms import Compose
from torch.nn.parallel import DistributedDataParallel

from benchmarks.gpu.place import Place
from benchmarks.gpu.sides import our_trainer
from benchmarks.gpu.workloads import Workload, workload
from benchmarks.local_shard import write_local_shard
from medgantry.loading import BatchLoader, CaseReader, EpochOrder, NodeCache
from medgantry.training.handlers.speed import Speed

EPOCHS = 3
"""The first one warms up; the fastest of the others counts."""


def main() -> None:
    """A rank's part under torchrun, or else one torchrun after the other."""
    parser = argparse.ArgumentParser(prog="benchmarks.scaling")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1])
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--tiny", action="store_true", help="small shapes and few steps: figures mean nothing"
    )
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    place = Place(torch.device(arguments.device), tiny=arguments.tiny)
    if "RANK" in os.environ:
        found = _rank(place)
    else:
        options = ["--device", arguments.device, *(["--tiny"] if arguments.tiny else [])]
        rows = [_launched(ranks, options) for ranks in arguments.ranks]
        found = {"conditions": place.conditions(), "rows": with_efficiency(rows)}
    if found:
        text = json.dumps(found, indent=1)
        print(text)
        if arguments.out:
            arguments.out.write_text(text)


def with_efficiency(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the rate of a rank, as a share of the first row's."""
    first = rows[0]["samples_per_s"] / rows[0]["ranks"]
    return [{**row, "efficiency": row["samples_per_s"] / row["ranks"] / first} for row in rows]


def _launched(ranks: int, options: list[str]) -> dict[str, Any]:
    with TemporaryDirectory() as name:
        out = Path(name) / "row.json"
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        module = ["--nproc-per-node", str(ranks), "-m", "benchmarks.scaling", *options, "--out", str(out)]
        subprocess.run([*torchrun, *module], check=True, stdout=sys.stderr)
        row: dict[str, Any] = json.loads(out.read_text())
        return row


def _rank(place: Place) -> dict[str, Any]:
    """Weak scaling: a rank's batches stay as large, whatever the number of ranks. Empty but on rank 0."""
    local = int(os.environ["LOCAL_RANK"])
    if place.on_gpu:
        torch.cuda.set_device(local)
    torch.set_num_threads(1)
    dist.init_process_group("nccl" if place.on_gpu else "gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    try:
        found = _measured(place, rank, ranks)
        both: list[Any] = [None] * ranks
        dist.all_gather_object(both, found)
    finally:
        dist.destroy_process_group()
    return _summary(both) if rank == 0 else {}


def _measured(place: Place, rank: int, ranks: int) -> dict[str, Any]:
    work = workload("aws_unet", place.tiny)
    threads = max(1, (os.cpu_count() or 1) // int(os.environ["LOCAL_WORLD_SIZE"]))
    steps = place.size(12, 2)
    folder = Path(gettempdir()) / f"medgantry-scaling-{os.environ['TORCHELASTIC_RUN_ID']}"
    leads = os.environ["LOCAL_RANK"] == "0"
    try:
        shards = [_write(work, steps * work.batch_size * ranks, folder) if leads else None]
        # Every node wrote the same.
        dist.broadcast_object_list(shards, src=0)
        reader = CaseReader([shards[0]], NodeCache(folder, 2**60))
        order = EpochOrder(list(shards[0]["cases"]), seed=0, batch_size=work.batch_size, ranks=ranks)
        loader = BatchLoader(
            reader,
            order,
            Compose([]),
            seed=0,
            threads=threads,
            process=rank,
            processes=ranks,
            device=place.device,
            ahead=4,
        )
        return _trained(place, loader, work, ranks)
    finally:
        dist.barrier()
        if leads:
            shutil.rmtree(folder)


def _write(work: Workload, cases: int, folder: Path) -> dict[str, Any]:
    def made(case: dict[str, Any]) -> dict[str, torch.Tensor]:
        torch.manual_seed(case["index"])
        images, labels = replace(work, batch_size=1).batch(torch.device("cpu"))
        return {"image": images[0], "label": labels[0].to(torch.uint8)}

    folder.mkdir()
    return write_local_shard(folder, made, [{"index": index} for index in range(cases)])


def _trained(place: Place, loader: BatchLoader, work: Workload, ranks: int) -> dict[str, Any]:
    numbers: list[dict[str, float]] = []
    seen: list[str] = []
    torch.manual_seed(0)
    trainer = our_trainer(work.network(), work.loss(), loader, place)
    Speed(loader, place.device, lambda found, epoch: numbers.append(found)).attach(trainer)
    trainer.add_event_handler(Events.ITERATION_STARTED, lambda: seen.extend(trainer.state.batch["case_id"]))
    if ranks > 1:
        trainer.network = DistributedDataParallel(trainer.network)
    for epoch in range(1, EPOCHS + 1):
        seen.clear()
        loader.epoch = epoch
        trainer.run()
    weights = sum(float(weight.detach().double().sum()) for weight in trainer.network.parameters())
    return {"numbers": numbers[1:], "cases": seen, "steps": len(loader), "weights": weights}


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """One row; void, by an error, when ranks shared a case, made unequal steps or ended with other weights."""
    cases = [case for rank in found for case in rank["cases"]]
    assert len(cases) == len(set(cases)), "a case was seen twice in an epoch"
    assert len({(rank["steps"], rank["weights"]) for rank in found}) == 1, "ranks differ"
    # Ranks wait for each other in every step: the slowest decides.
    epochs = range(EPOCHS - 1)
    rates = [min(rank["numbers"][epoch]["samples_per_s"] for rank in found) for epoch in epochs]
    best = max(epochs, key=lambda epoch: rates[epoch])
    waits = [rank["numbers"][best]["data_wait_share"] for rank in found]
    return {
        "ranks": len(found),
        "samples_per_s": rates[best] * len(found),
        "step_ms": max(rank["numbers"][best]["step_ms"] for rank in found),
        "data_wait_share": {"mean": sum(waits) / len(waits), "greatest": max(waits)},
        "cases": len(cases),
    }


if __name__ == "__main__":
    main()
