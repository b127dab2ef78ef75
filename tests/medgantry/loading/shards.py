"""Shards of small volumes in the store, as preprocessing commits them."""

import numpy as np

from medgantry.fingerprint import hash_file
from medgantry.sharding.encoding import encode
from medgantry.sharding.shard_file import write_shard

SHAPE = (2, 6, 5, 4)


def values(case_id, shape=SHAPE):
    """Image and label of a case: nothing but its id decides them."""
    rng = np.random.default_rng(list(case_id.encode()))
    return {
        "image": rng.standard_normal(shape).astype(np.float32),
        "label": (rng.random(shape) > 0.5).astype(np.uint8),
    }


def make_shards(store, folder, cases, *, per_shard, tensors_of=values):
    """Sidecars of committed shards that hold the cases."""
    sidecars = []
    for first in range(0, len(cases), per_shard):
        parts = {
            case_id: {name: encode(array) for name, array in tensors_of(case_id).items()}
            for case_id in cases[first : first + per_shard]
        }
        path = folder / f"{first}.safetensors"
        write_shard(
            path,
            {f"{case_id}.{name}": part.stored for case_id in parts for name, part in parts[case_id].items()},
            {},
        )
        store.put_file(f"shards/{first}", path)
        facts = {
            case_id: {
                name: {
                    "dtype": str(part.stored.dtype),
                    "shape": list(part.stored.shape),
                    "scale": part.scale,
                    "offset": part.offset,
                }
                for name, part in parts[case_id].items()
            }
            for case_id in parts
        }
        sidecars.append(
            {
                "shard_id": str(first),
                "uri": store.uri(f"shards/{first}"),
                "sha256": hash_file(path),
                "bytes": path.stat().st_size,
                "cases": facts,
                "failures": [],
            }
        )
    return sidecars
