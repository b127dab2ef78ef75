"""One shard on disk: a safetensors file, the same bytes each time it is made of the same cases."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from medgantry.errors import InvalidInput
from medgantry.fingerprint import canonical_json


def write_shard(path: Path, tensors: Mapping[str, NDArray[np.generic]], facts: object) -> None:
    """Write and read back a shard.

    Args:
        path: Where.
        tensors: Name (`<case id>.<key>`) -> contiguous array; safetensors writes views wrongly.
        facts: Goes into the header under one key: with several their order would vary.

    Raises:
        InvalidInput: If what is read back differs.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in sorted(tensors.items())}
    save_file(contiguous, path, metadata={"medgantry": canonical_json(facts)})
    with safe_open(path, framework="numpy") as shard:
        for name, array in contiguous.items():
            if not np.array_equal(shard.get_tensor(name), array):
                raise InvalidInput(f"{name} reads back differently from {path.name}.", "Check the disk.")


def read_tensor(path: Path, name: str) -> NDArray[np.generic]:
    """One tensor of a shard, by its offset: the rest is not read."""
    with safe_open(path, framework="numpy") as shard:
        array: NDArray[np.generic] = shard.get_tensor(name)
    return array
