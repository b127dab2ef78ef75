"""Where a shard's tensors lie: the header of a safetensors file."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "I16": np.dtype(np.int16),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
}
"""safetensors' names of the types that numpy has; the bytes are little-endian, as this machine's."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One tensor in a file."""

    offset: int
    """Bytes from the file's beginning."""
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def map(self, path: Path) -> NDArray[np.generic]:
        """The tensor as a read-only memory map: a slice of it reads the pages it touches."""
        return np.memmap(path, self.dtype, "r", self.offset, self.shape)


def read_layout(descriptor: int) -> Mapping[str, Place]:
    """All tensors of an open safetensors file, by name (github.com/huggingface/safetensors, "Format")."""
    length = int.from_bytes(os.pread(descriptor, 8, 0), "little")
    header = json.loads(os.pread(descriptor, length, 8))
    header.pop("__metadata__", None)
    return {
        name: Place(
            offset=8 + length + facts["data_offsets"][0],
            shape=tuple(facts["shape"]),
            dtype=_DTYPES[facts["dtype"]],
        )
        for name, facts in header.items()
    }
