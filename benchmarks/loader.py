"""B8a: batches of 4 stored samples of 4 x 128 x 128 x 64 in host memory, two readers each."""

import importlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from torch.utils.data import DataLoader, Dataset

from benchmarks.local_shard import write_local_shard
from benchmarks.paired import compare
from medgantry.loading import BatchLoader, CaseReader, EpochOrder, NodeCache
from medgantry.loading.delivery import Delivered, Delivery, Tensors

SHAPE = (128, 128, 64)
CASES, BATCH, READERS, RUNS = 16, 4, 2, 5

Sample = dict[str, torch.Tensor]


def main() -> Iterator[dict[str, Any]]:
    """Rows; void, by an error, when a loader's samples differ from ours by more than float16's rounding."""
    torch.set_num_threads(1)
    samples = _samples()
    with TemporaryDirectory() as name:
        folder = Path(name)
        shard = write_local_shard(folder, dict, list(samples.values()))
        reader = CaseReader([shard], NodeCache(folder, 1 << 40))
        stored, cast = _loader(reader, as_stored=True), _loader(reader, as_stored=False)
        sizes = {"ours": int(shard["bytes"])}
        for peer, make in _peers(folder, samples).items():
            theirs, sizes["peer"] = make()
            _check(stored, theirs)
            for stage, ours in (("as stored, as a GPU takes them", stored), ("as float32", cast)):
                row = compare(
                    f"batches of {BATCH} samples in host memory, {stage}",
                    peer,
                    partial(_use, ours),
                    partial(_use, theirs),
                    clock=time.perf_counter,
                    runs=RUNS,
                )
                rates = {side: CASES / seconds for side, seconds in row["seconds"].items()}
                yield {**row, "samples_per_second": rates, "bytes": dict(sizes)}


def _samples() -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    rng = np.random.default_rng(0)
    return {
        f"case-{number:02d}": {
            "image": rng.standard_normal((4, *SHAPE), dtype=np.float32),
            "label": (rng.random((3, *SHAPE), dtype=np.float32) > 0.9).astype(np.uint8),
        }
        for number in range(CASES)
    }


class _AsStored(Delivery):
    """What the loader does for a GPU, up to the copy."""

    def host_dtype(self, dtype: torch.dtype) -> torch.dtype:
        return dtype

    def __call__(self, batch: Tensors) -> Delivered:
        return Delivered(batch)


def _loader(reader: CaseReader, *, as_stored: bool) -> BatchLoader:
    device = torch.device("cpu")
    order = EpochOrder([str(number) for number in range(CASES)], seed=0, batch_size=BATCH, ranks=1)
    loader = BatchLoader(reader, order, Compose([]), seed=0, threads=READERS, device=device)
    if as_stored:
        loader._delivery = _AsStored(device)
    return loader


def _use(batches: Iterable[Any]) -> None:
    """Touch every batch, as a copy to a device would."""
    for batch in batches:
        float(batch["image"][-1, -1, -1, -1, -1])


def _check(ours: BatchLoader, theirs: Iterable[Any]) -> None:
    """Images sorted by their first voxel, as every loader has its own order."""

    def collected(batches: Iterable[Any]) -> list[tuple[float, torch.Tensor, torch.Tensor]]:
        rows = [
            (float(image.ravel()[0]), image.float(), label.float())
            for batch in batches
            for image, label in zip(batch["image"], batch["label"], strict=True)
        ]
        return sorted(rows, key=lambda row: row[0])

    for (_, image, label), (_, wanted, mask) in zip(collected(ours), collected(theirs), strict=True):
        assert float((image - wanted).abs().max()) <= 2**-11 * float(wanted.abs().max())
        assert torch.equal(label, mask)


Peer = Callable[[], tuple[Iterable[Any], int]]


def _peers(folder: Path, samples: dict[str, dict[str, np.ndarray[Any, Any]]]) -> dict[str, Peer]:
    found: dict[str, Peer] = {
        f"torch {torch.__version__} DataLoader({READERS}), float32 .pt": partial(_pickled, folder, samples)
    }
    try:
        module = importlib.import_module("webdataset")
    except ImportError:
        return found
    for workers in (0, READERS):
        peer = f"webdataset {version('webdataset')}, float16 and uint8 .npy, {workers} workers"
        found[peer] = partial(_webdataset, module, folder, samples, workers)
    return found


class _Pickled(Dataset[Sample]):
    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def __getitem__(self, index: int) -> Sample:
        sample: Sample = torch.load(self._paths[index], weights_only=True)
        return sample

    def __len__(self) -> int:
        return len(self._paths)


def _pickled(folder: Path, samples: dict[str, dict[str, np.ndarray[Any, Any]]]) -> tuple[Iterable[Any], int]:
    paths = []
    for case_id, arrays in samples.items():
        paths.append(folder / f"{case_id}.pt")
        torch.save({name: torch.from_numpy(array).float() for name, array in arrays.items()}, paths[-1])
    loader = DataLoader(
        _Pickled(paths), BATCH, shuffle=True, num_workers=READERS, persistent_workers=True, prefetch_factor=2
    )
    return loader, sum(path.stat().st_size for path in paths)


def _webdataset(
    module: Any, folder: Path, samples: dict[str, dict[str, np.ndarray[Any, Any]]], workers: int
) -> tuple[Iterable[Any], int]:
    paths = []
    for number in range(READERS):  # its workers share out whole files
        paths.append(folder / f"{number}.tar")
        with tarfile.open(paths[-1], "w") as archive:
            for case_id in sorted(samples)[number::READERS]:
                for name, array in samples[case_id].items():
                    content = io.BytesIO()
                    np.save(content, array.astype(np.float16) if name == "image" else array)
                    member = tarfile.TarInfo(f"{case_id}.{name}.npy")
                    member.size = content.tell()
                    archive.addfile(member, io.BytesIO(content.getvalue()))
    data = module.WebDataset(
        [str(path) for path in paths], shardshuffle=False, nodesplitter=None, empty_check=False
    )
    data = data.decode().to_tuple("image.npy", "label.npy").map(_named)
    loader = DataLoader(data, BATCH, num_workers=workers, persistent_workers=workers > 0)
    return loader, sum(os.path.getsize(path) for path in paths)


def _named(pair: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]) -> Sample:
    return {"image": torch.from_numpy(pair[0]), "label": torch.from_numpy(pair[1])}
