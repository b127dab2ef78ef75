"""A shard on this machine, as training finds it after the first fetch: no store is needed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from medgantry.fingerprint import hash_file
from medgantry.sharding.encoding import encode
from medgantry.sharding.shard_file import write_shard


def write_local_shard(
    folder: Path,
    transforms: Callable[[dict[str, Any]], Mapping[str, Any]],
    cases: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Store what deterministic transforms make of cases, under their index, in a folder that is a node's cache.

    Returns:
        The shard's sidecar.
    """
    tensors, facts = {}, {}
    for index, case in enumerate(cases):
        parts = {key: encode(torch.as_tensor(value).numpy()) for key, value in transforms(dict(case)).items()}
        tensors |= {f"{index}.{key}": part.stored for key, part in parts.items()}
        facts[str(index)] = {
            key: {
                "dtype": str(part.stored.dtype),
                "shape": list(part.stored.shape),
                "scale": part.scale,
                "offset": part.offset,
            }
            for key, part in parts.items()
        }
    written = folder / "written.safetensors"
    write_shard(written, tensors, {})
    sha256 = hash_file(written)
    path = written.rename(folder / f"{sha256}.safetensors")
    return {"sha256": sha256, "bytes": path.stat().st_size, "uri": "", "cases": facts}
