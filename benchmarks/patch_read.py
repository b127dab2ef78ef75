"""B8b: a random patch of 128^3 out of a stored volume of 320^3."""

import gzip
import importlib
import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from benchmarks.paired import compare
from medgantry.loading.shard_layout import read_layout
from medgantry.sharding.shard_file import write_shard

SIZE, PATCH, PATCHES, RUNS = 320, 128, 8, 5
Read = Callable[[tuple[slice, ...]], NDArray[np.generic]]


def main() -> Iterator[dict[str, Any]]:
    """Rows; void, by an error, when a patch differs from the peer's by more than float16's rounding."""
    volume = _volume()
    starts = np.random.default_rng(1).integers(0, SIZE - PATCH, (PATCHES, 3))
    places = [tuple(slice(start, start + PATCH) for start in row) for row in starts]
    with TemporaryDirectory() as name:
        folder = Path(name)
        ours, size = _shard(folder, volume)
        for peer, (theirs, peer_size, count) in _peers(folder, volume).items():
            for place in places[:count]:
                found, wanted = ours(place).astype(np.float32), theirs(place).astype(np.float32)
                assert float(np.abs(found - wanted).max()) <= 2**-11 * float(np.abs(volume).max())
            row = compare(
                f"{count} random patches of {PATCH}^3 of {SIZE}^3",
                peer,
                lambda count=count: [ours(place) for place in places[:count]],
                lambda count=count, theirs=theirs: [theirs(place) for place in places[:count]],
                runs=RUNS,
            )
            yield {**row, "bytes": {"ours": size, "peer": peer_size}}


def _volume() -> NDArray[np.float32]:
    """Smooth tissue with noise in Hounsfield-like units of standard deviation 1: it compresses as a CT does."""
    rng = np.random.default_rng(0)
    coarse = rng.standard_normal((20, 20, 20)).repeat(16, 0).repeat(16, 1).repeat(16, 2)
    noise = rng.standard_normal((SIZE,) * 3, dtype=np.float32)
    return (np.rint(1000 * coarse + 20 * noise) / 1000).astype(np.float32)


def _shard(folder: Path, volume: NDArray[np.float32]) -> tuple[Read, int]:
    path = folder / "shard.safetensors"
    write_shard(path, {"case.image": volume.astype(np.float16)}, {})
    with path.open("rb") as stream:
        place = read_layout(stream.fileno())["case.image"]
    return (lambda patch: np.ascontiguousarray(place.map(path)[patch])), path.stat().st_size


def _peers(folder: Path, volume: NDArray[np.float32]) -> dict[str, tuple[Read, int, int]]:
    """Peer -> how it reads a patch, bytes of its file, patches of a run."""
    found = {}
    path = folder / "volume.nii.gz"
    path.write_bytes(gzip.compress(nib.Nifti1Image(volume, np.eye(4)).to_bytes(), 1))
    found[f"nibabel {version('nibabel')}, float32 .nii.gz"] = (
        lambda patch: np.asarray(nib.load(path).dataobj)[patch],
        path.stat().st_size,
        1,
    )
    try:
        blosc2 = importlib.import_module("blosc2")
    except ImportError:
        return found
    blosc2.set_nthreads(1)
    packed = str(folder / "volume.b2nd")
    # nnU-Net's: float32, LZ4HC 5 with shuffle, blocks of about a patch's edge
    blosc2.asarray(
        volume,
        urlpath=packed,
        chunks=(PATCH,) * 3,
        blocks=(32, 32, 64),
        cparams={"codec": blosc2.Codec.LZ4HC, "clevel": 5, "nthreads": 1},
    )
    opening = {"mode": "r", "dparams": {"nthreads": 1}, "mmap_mode": "r"}
    found[f"blosc2 {version('blosc2')}, nnU-Net's float32 lz4hc-5"] = (
        lambda patch: np.asarray(blosc2.open(packed, **opening)[patch]),
        os.path.getsize(packed),
        PATCHES,
    )
    return found
