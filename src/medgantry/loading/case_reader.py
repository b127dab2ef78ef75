"""Cases out of shards, tensor by tensor, by offset."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.loading.buffers import Buffers
from medgantry.loading.node_cache import NodeCache
from medgantry.loading.shard_layout import Place, read_layout
from medgantry.sharding.encoding import decode


class CaseReader:
    """Cases from shards; any number of threads may read.

    Args:
        shards: Sidecars.
        cache: This node's copies.
    """

    def __init__(self, shards: Sequence[Mapping[str, Any]], cache: NodeCache) -> None:
        self._shard_of = {case_id: shard for shard in shards for case_id in shard["cases"]}
        self._cache = cache
        self._layouts: dict[str, Mapping[str, Place]] = {}
        self._buffers = Buffers(pinned=False)
        self.content_hash = hash_value(sorted(str(shard["sha256"]) for shard in shards))
        """Of all the shards, wherever they lie."""

    def begin_epoch(self, epoch: int) -> None:
        """Nothing: every epoch reads the same."""

    def facts(self, case_id: str) -> Mapping[str, Any]:
        """Tensor name -> dtype and shape as stored, scale and offset of its values.

        Raises:
            InvalidInput: If no shard has the case.
        """
        facts: Mapping[str, Any] = self._shard(case_id)["cases"][case_id]
        return facts

    def read(self, case_id: str) -> dict[str, torch.Tensor]:
        """All tensors of a case, (C, i, j, k) or (C, i, j): images float32, others as they were made; class index int64 ().

        Raises:
            InvalidInput: If no shard has the case, or its shard is damaged in the store.
            StoreUnavailable: If the shard must be fetched and the store does not answer.
        """
        facts = self.facts(case_id)
        stored = {name: self._room(fact["shape"], fact["dtype"]) for name, fact in facts.items()}
        self.read_into(case_id, {name: values.numpy() for name, values in stored.items()})
        tensors = {}
        for name, values in stored.items():
            if (facts[name]["scale"], facts[name]["offset"]) != (1.0, 0.0):
                values = torch.from_numpy(decode(values.numpy(), facts[name]["scale"], facts[name]["offset"]))
            if name == "image":
                tensors[name] = self._room(values.shape, "float32").copy_(values)
            elif values.numel() == 1:
                tensors[name] = values.reshape(()).long()
            else:
                tensors[name] = values.to(getattr(torch, facts[name].get("made", str(values.numpy().dtype))))
        return tensors

    def read_into(self, case_id: str, stored: Mapping[str, NDArray[np.generic]]) -> None:
        """Tensors of a case as they are stored, into contiguous arrays of the same dtype and size."""
        shard = self._shard(case_id)
        with self._cache.pinned(shard) as path, path.open("rb", buffering=0) as stream:
            layout = self._layout(shard, stream.fileno())
            for name, array in stored.items():
                _read_fully(stream.fileno(), array, layout[f"{case_id}.{name}"].offset, path)

    def _room(self, shape: Sequence[int], dtype: str) -> torch.Tensor:
        return self._buffers.take(tuple(shape), getattr(torch, dtype))  # torch names its types as numpy does

    def _shard(self, case_id: str) -> Mapping[str, Any]:
        try:
            return self._shard_of[case_id]
        except KeyError:
            raise InvalidInput(
                f"None of the shards has case {case_id}.", "Preprocess the cohort that has it."
            ) from None

    def _layout(self, shard: Mapping[str, Any], descriptor: int) -> Mapping[str, Place]:
        sha256 = str(shard["sha256"])
        if sha256 not in self._layouts:
            self._layouts[sha256] = read_layout(descriptor)
        return self._layouts[sha256]


def _read_fully(descriptor: int, array: NDArray[np.generic], offset: int, path: Path) -> None:
    rest = memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # Python 3.12 types buffers
    while rest:
        count = os.preadv(descriptor, [rest], offset)
        if not count:
            raise InvalidInput(
                f"{path.name} ends at byte {offset}, inside a tensor.", "Remove it from the cache."
            )
        rest, offset = rest[count:], offset + count
