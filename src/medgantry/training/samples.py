"""Training samples: which case comes when, and what it looks like, from (seed, epoch, case) alone."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from torch.utils.data import Dataset, Sampler

from medgantry.errors import InvalidInput
from medgantry.sharding.encoding import decode
from medgantry.sharding.shard_file import read_tensor
from medgantry.storage import ObjectStore
from medgantry.storage.store import split_s3_uri


class ShardReader:
    """Cases from shards, through a folder on this node that ranks share.

    Args:
        shards: Sidecars.
        cache: The folder; what is there was checked when it was fetched, and is not fetched again.
    """

    def __init__(self, shards: Sequence[Mapping[str, Any]], cache: Path) -> None:
        self._shard_of = {case_id: shard for shard in shards for case_id in shard["cases"]}
        self._cache = cache

    def read(self, case_id: str) -> dict[str, torch.Tensor]:
        """All tensors of a case: images float32 and regions uint8 (C, i, j, k) or (C, i, j); class index int64 ()."""
        shard = self._shard_of[case_id]
        path = self._fetch(shard)
        tensors = {}
        for name, facts in shard["cases"][case_id].items():
            values = decode(read_tensor(path, f"{case_id}.{name}"), facts["scale"], facts["offset"])
            tensors[name] = torch.from_numpy(np.ascontiguousarray(values))
            if name == "image":
                tensors[name] = tensors[name].float()
            elif tensors[name].numel() == 1:
                tensors[name] = tensors[name].reshape(()).long()
        return tensors

    def _fetch(self, shard: Mapping[str, Any]) -> Path:
        path = self._cache / f"{shard['sha256']}.safetensors"
        if path.exists():
            return path
        bucket, key = split_s3_uri(shard["uri"])
        found = ObjectStore.from_environment(f"s3://{bucket}").download(key, path)
        if found != shard["sha256"]:
            path.unlink()
            raise InvalidInput(f"Shard {shard['uri']} has sha256 {found}, the index says {shard['sha256']}.")
        return path


class EpochOrder(Sampler[tuple[int, str]]):
    """One rank's share of an epoch: a permutation by (seed, epoch), cut to equal length on every rank.

    Args:
        cases: Case ids.
        seed: Of the training.
        rank: This one.
        ranks: How many.
        balance: Case id -> its class, to draw classes equally often instead: as many cases as there are, with
            repetition. Empty for the permutation.
    """

    def __init__(
        self,
        cases: Sequence[str],
        *,
        seed: int,
        rank: int,
        ranks: int,
        balance: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._cases, self._seed, self._rank, self._ranks = sorted(cases), seed, rank, ranks
        self._members: dict[int, list[str]] = defaultdict(list)
        for case_id in self._cases if balance else []:
            self._members[balance[case_id]].append(case_id)
        self.epoch = 1

    def __iter__(self) -> Iterator[tuple[int, str]]:
        epoch = self.epoch
        ordered = self._drawn(epoch) if self._members else self._permuted(epoch)
        for case_id in ordered[self._rank : len(self) * self._ranks : self._ranks]:
            yield epoch, case_id

    def _permuted(self, epoch: int) -> list[str]:
        return sorted(self._cases, key=lambda case_id: derive_seed(self._seed, epoch, f"order {case_id}"))

    def _drawn(self, epoch: int) -> list[str]:
        rng = np.random.default_rng(derive_seed(self._seed, epoch, "balance"))
        classes = rng.choice(sorted(self._members), size=len(self._cases))
        return [self._members[label][rng.integers(len(self._members[label]))] for label in classes]

    def __len__(self) -> int:
        return len(self._cases) // self._ranks


class Samples(Dataset[list[dict[str, Any]]]):
    """A case from its shard, randomly transformed."""

    def __init__(self, reader: ShardReader, transforms: Compose, seed: int) -> None:
        self._reader, self._transforms, self._seed = reader, transforms, seed

    def __getitem__(self, item: tuple[int, str]) -> list[dict[str, Any]]:
        epoch, case_id = item
        self._transforms.set_random_state(seed=derive_seed(self._seed, epoch, case_id))
        sample = self._transforms(dict(self._reader.read(case_id)))
        return [{name: _for_loss(tensor) for name, tensor in crop.items()} for crop in _listed(sample)]


def _for_loss(tensor: torch.Tensor) -> torch.Tensor:
    """Losses multiply masks with probabilities: uint8 is for storage only. A class index stays one."""
    return tensor.float() if tensor.ndim else tensor


def _listed(sample: Any) -> list[dict[str, torch.Tensor]]:
    """Transforms that take several crops of a case give a list."""
    return sample if isinstance(sample, list) else [sample]


def derive_seed(seed: int, epoch: int, name: str) -> int:
    """A 32-bit seed of (seed, epoch, name), the same on every machine."""
    digest = hashlib.sha256(f"{seed}\0{epoch}\0{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
