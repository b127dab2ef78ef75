"""Decoded cases kept near, in the ways known from MONAI; all but `smart` change nothing but the time."""

import hashlib
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import load_file, save_file

from medgantry.errors import InvalidInput
from medgantry.loading.batches import Reader
from medgantry.loading.buffers import Buffers
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.delivery import Tensors
from medgantry.loading.rotation import Rotation

MODES: Mapping[str, str] = MappingProxyType(
    {
        "none": "read from shards in every epoch",
        "memory": "decoded cases in this process's memory (MONAI's CacheDataset)",
        "smart": "as memory, of the cases that an epoch trains on; some are replaced after it (SmartCacheDataset)",
        "disk": "decoded cases on the node's disk, memory-mapped (PersistentDataset)",
        "device": "decoded cases in the device's memory (CacheDataset with ToDeviced)",
    }
)
"""Name -> what it does."""


def open_reader(
    mode: str, reader: CaseReader, *, device: torch.device, folder: Path, rotation: Rotation | None = None
) -> Reader:
    """A caching mode by its name.

    Args:
        mode: One of `MODES`.
        reader: What reads shards.
        device: For `device`.
        folder: For `disk`; on a disk of this node, shared by its processes.
        rotation: For `smart`: the same that chooses the cases of an epoch.

    Raises:
        InvalidInput: If there is no such mode, or `smart` is without its rotation.
    """
    if mode == "smart" and rotation is None:
        raise InvalidInput("The caching mode smart needs to know how many cases to cache and to replace.")
    match mode:
        case "none":
            return reader
        case "memory":
            return MemoryCache(reader, torch.device("cpu"))
        case "device":
            return MemoryCache(reader, device)
        case "disk":
            return DiskCache(reader, folder)
        case "smart" if rotation is not None:
            return SmartCache(reader, rotation)
    raise InvalidInput(f"There is no caching mode {mode!r}.", f"Use one of {', '.join(MODES)}.")


class MemoryCache:
    """Every case is read once and kept, decoded.

    Args:
        reader: What reads a case the first time.
        device: Where it is kept.
    """

    def __init__(self, reader: Reader, device: torch.device) -> None:
        self._reader, self._device = reader, device
        self._kept: dict[str, Tensors] = {}
        self._buffers = Buffers(pinned=False)
        self.content_hash = reader.content_hash

    def begin_epoch(self, epoch: int) -> None:
        """Nothing: what was read stays."""

    def read(self, case_id: str) -> Tensors:
        """A copy of the case, on the device: transforms may change it."""
        kept = self._kept.get(case_id)
        if kept is None:
            read = self._reader.read(case_id)
            kept = self._kept[case_id] = {name: tensor.to(self._device) for name, tensor in read.items()}
        return {name: self._copied(tensor) for name, tensor in kept.items()}

    def _copied(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.device.type != "cpu":
            return tensor.clone()
        return self._buffers.take(tuple(tensor.shape), tensor.dtype).copy_(tensor)

    def forget_all_but(self, cases: set[str]) -> None:
        """Let go of every other case."""
        for case_id in set(self._kept) - cases:
            del self._kept[case_id]


class SmartCache:
    """Keeps the cases of an epoch that it was asked for; those that left with the last epoch make room.

    Args:
        reader: What reads a case when it comes.
        rotation: Which cases an epoch trains on.
    """

    def __init__(self, reader: Reader, rotation: Rotation) -> None:
        self._memory, self._rotation = MemoryCache(reader, torch.device("cpu")), rotation
        self.content_hash = reader.content_hash

    def begin_epoch(self, epoch: int) -> None:
        """Drop what this epoch does not train on."""
        self._memory.forget_all_but(set(self._rotation.cases(epoch)))

    def read(self, case_id: str) -> Tensors:
        """A copy of the case."""
        return self._memory.read(case_id)


class DiskCache:
    """Every case is decoded once per node, into a file that is mapped, not read: pages come as they are touched.

    Args:
        reader: What reads a case the first time.
        folder: For the files; they are named by content, so that several trainings share them.
    """

    def __init__(self, reader: Reader, folder: Path) -> None:
        self._reader = reader
        self._folder = folder / reader.content_hash
        self._folder.mkdir(parents=True, exist_ok=True)
        self.content_hash = reader.content_hash

    def begin_epoch(self, epoch: int) -> None:
        """Nothing: what was written stays."""

    def read(self, case_id: str) -> Tensors:
        """The case; changing a tensor changes this process's pages, never the file."""
        path = self._folder / f"{hashlib.sha256(case_id.encode()).hexdigest()}.safetensors"
        if not path.exists():
            self._write(path, self._reader.read(case_id))
        tensors: Tensors = load_file(path)
        return tensors

    def _write(self, path: Path, tensors: Tensors) -> None:
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.rename(path)
