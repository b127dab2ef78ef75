"""NumPy files: `.npz` with `voxels` and its geometry, `.npy` with the geometry in a `.json` beside it.

Geometry is `affine` (4x4, voxel index -> RAS+ mm) or `spacing_mm` (three numbers, for axes that run to the
right, to anterior and to superior). Pickles are never loaded.
"""

import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from medgantry.ingest.volumes.volume import Volume
from medgantry.ledger import Unusable

_BLOCK_BYTES = 1 << 22
_WANTED = '"affine" (4x4, RAS+ mm) or "spacing_mm" (3 numbers)'


def numpy_companions(name: str, _open_file: Callable[[], Path]) -> Sequence[str]:
    """The JSON beside a `.npy`."""
    return [_sidecar(name)] if name.lower().endswith(".npy") else []


def read_numpy(path: Path) -> Volume:
    """Read `.npy` or `.npz`.

    Raises:
        Unusable: If the file is cut off, holds objects, or nothing says where its voxels are.
    """
    if path.name.lower().endswith(".npz"):
        return _read_npz(path)
    sidecar = path.with_name(_sidecar(path.name))
    if not sidecar.is_file():
        raise Unusable(
            "a volume says where its voxels are",
            f"{path.name} has no geometry and there is no {sidecar.name}",
            f"Write {sidecar.name} with {_WANTED} beside it.",
        )
    geometry = json.loads(sidecar.read_text(encoding="utf-8"))
    if not isinstance(geometry, dict):
        raise Unusable(
            "a volume says where its voxels are", f"{sidecar.name} is no object", f"Write {_WANTED}."
        )
    with path.open("rb") as stream:
        voxels = _read_array(path.name, stream, path.stat().st_size)
    return Volume(voxels=voxels, affine=_affine(sidecar.name, geometry))


def _sidecar(name: str) -> str:
    return f"{name[: -len('.npy')]}.json"


def _read_npz(path: Path) -> Volume:
    with zipfile.ZipFile(path) as archive:
        sizes = {member: _size(archive, member) for member in archive.namelist()}
        if "voxels.npy" not in sizes:
            raise Unusable(
                "an .npz holds `voxels` and its geometry",
                f"{path.name} holds {sorted(sizes)[:8]}",
                f"Save it with np.savez(voxels=..., affine=...), or with {_WANTED}.",
            )
        arrays = {}
        for key in ("voxels", "affine", "spacing_mm"):
            if f"{key}.npy" in sizes:
                with archive.open(f"{key}.npy") as stream:
                    arrays[key] = _read_array(f"{path.name}/{key}", stream, sizes[f"{key}.npy"])
    return Volume(voxels=arrays["voxels"], affine=_affine(path.name, arrays))


def _size(archive: zipfile.ZipFile, member: str) -> int:
    """Bytes of a member, unpacked to its end, where its CRC is checked: the directory may be untrue."""
    size = 0
    with archive.open(member) as stream:
        while block := stream.read(_BLOCK_BYTES):
            size += len(block)
    return size


def _read_array(name: str, stream: IO[bytes], size: int) -> NDArray[Any]:
    """One array, after its header was compared with the bytes there are."""
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise Unusable(
            "the array's format is 1.0 or 2.0", f"{name} has {version}", "Save it with a plain data type."
        )
    shape, fortran_order, kind = read_header(stream)
    if kind.kind not in "biuf":
        raise Unusable("a voxel is one real number", f"{name} has {kind}", "Save numbers, never objects.")
    promised, there = math.prod(shape) * kind.itemsize, size - stream.tell()
    if there != promised:
        raise Unusable(
            "the file holds the voxels its header promises",
            f"{name} holds {there} bytes, {promised} were promised for {shape} of {kind}",
            "Copy the file again.",
        )
    flat = np.frombuffer(stream.read(promised), dtype=kind)
    return flat.reshape(shape, order="F" if fortran_order else "C")


def _affine(name: str, geometry: Mapping[str, Any]) -> NDArray[np.float64]:
    if "affine" in geometry:
        affine = np.asarray(geometry["affine"], dtype=np.float64)
        if affine.shape == (4, 4) and np.array_equal(affine[3], [0, 0, 0, 1]):
            return affine
    elif "spacing_mm" in geometry:
        spacing = np.asarray(geometry["spacing_mm"], dtype=np.float64)
        if spacing.shape == (3,) and (spacing > 0).all():
            return np.diag([*spacing, 1.0])
    raise Unusable(
        "a volume says where its voxels are",
        f"{name} has {sorted(geometry)}, of which none is a usable affine or spacing",
        f"Give {_WANTED}.",
    )
