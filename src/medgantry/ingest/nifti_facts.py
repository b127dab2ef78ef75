"""What a NIfTI file is, read to its end: a file that looks fine by its header may be cut off."""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medgantry.cohort.fingerprints import voxel_fingerprint
from medgantry.fingerprint import hash_file
from medgantry.ledger import Unusable

ALIGNMENT_TOLERANCE_MM = 1e-2
"""How far apart two files of a case may place the same voxel."""


@dataclass(frozen=True, kw_only=True)
class NiftiFacts:
    """Geometry and content of one file."""

    sha256: str
    format: str
    shape: tuple[int, ...]
    """Three or four axes, as stored."""
    affine: NDArray[np.float64]
    """4x4, voxel index -> RAS+ mm."""
    spacing_mm: tuple[float, ...]
    orientation: str
    fingerprint: str = ""
    """Of an image's voxels; a label map has none, as empty ones are all alike."""
    conversion: Path | None = None
    """The NIfTI file that was made from a file of another format, which the other facts are about."""


def read_facts(path: Path, *, is_label: bool = False) -> tuple[NiftiFacts, frozenset[int]]:
    """Check one file and read its facts.

    Returns:
        The facts, and for a label map the codes in it.

    Raises:
        Unusable: If the file is damaged or its geometry makes no sense.
    """
    if not path.is_file():
        raise Unusable("every listed file exists", f"{path.name} is missing", "Restore the file.")
    size = _read_to_end(path)
    try:
        image = nibabel.load(path)
        affine = np.asarray(image.affine, dtype=np.float64)
        _check_voxels(path.name, image, size)
        voxels = np.asanyarray(image.dataobj)
    except Unusable:
        raise
    except Exception as error:  # nibabel raises many kinds for damaged files
        raise Unusable("the file is readable NIfTI", f"{path.name}: {error}", "Export it again.") from error
    check_geometry(path.name, voxels.shape, affine)
    if not is_label and voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
        raise Unusable(
            "intensities are finite",
            f"{path.name} has {int((~np.isfinite(voxels)).sum())} NaN or infinite voxels",
            "Export it again, or replace them by the background.",
        )
    codes = _codes(path.name, voxels) if is_label else frozenset()
    facts = NiftiFacts(
        sha256=hash_file(path),
        format="nii.gz" if path.name.endswith(".gz") else "nii",
        shape=tuple(int(size) for size in voxels.shape),
        affine=affine,
        spacing_mm=tuple(float(size) for size in voxel_sizes(affine)),
        orientation="".join(nibabel.aff2axcodes(affine)),
        fingerprint="" if is_label else voxel_fingerprint(voxels),
    )
    return facts, codes


def _read_to_end(path: Path) -> int:
    """Bytes of the file, unpacked. SimpleITK reads a truncated .nii.gz as zeros: the CRC must be seen."""
    if not path.name.endswith(".gz"):
        return path.stat().st_size
    size = 0
    try:
        with gzip.open(path) as stream:
            while block := stream.read(1 << 22):
                size += len(block)
    except (EOFError, OSError, zlib.error) as error:
        raise Unusable("the gzip stream is whole", f"{path.name}: {error}", "Copy the file again.") from error
    return size


def _check_voxels(name: str, image: nibabel.Nifti1Image, size: int) -> None:
    """Before memory is taken for what a damaged header promises."""
    kind = np.dtype(image.get_data_dtype())
    if kind.kind not in "iuf":
        raise Unusable("a voxel is one real number", f"{name} has {kind}", "Export scalar volumes.")
    wanted = math.prod(int(length) for length in image.shape) * kind.itemsize
    if wanted > size:
        raise Unusable(
            "the file holds the voxels its header promises",
            f"{name} holds {size} bytes, {wanted} were promised for {image.shape} of {kind}",
            "Copy the file again.",
        )


def check_geometry(name: str, shape: tuple[int, ...], affine: NDArray[np.float64]) -> None:
    """Refuse what cannot be placed in space.

    Raises:
        Unusable: If the affine is not finite or not invertible, or there are not three or four axes.
    """
    if not np.isfinite(affine).all():
        raise Unusable(
            "the affine is finite", f"{name} has {affine[:3].tolist()}", "Export it with its geometry."
        )
    # nibabel gives no code for an axis that has no direction left beside far longer ones.
    if abs(np.linalg.det(affine[:3, :3])) < 1e-9 or None in nibabel.aff2axcodes(affine):
        raise Unusable(
            "the affine is invertible", f"{name} has {affine[:3].tolist()}", "Export it with its geometry."
        )
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise Unusable(
            "a volume has three or four axes", f"{name} has shape {shape}", "Convert it to a volume."
        )


def check_aligned(name_a: str, a: NiftiFacts, name_b: str, b: NiftiFacts) -> None:
    """Refuse two files of a case that do not place the same voxel at the same place.

    Raises:
        Unusable: If their first three axes differ in length, or a corner lies elsewhere.
    """
    if a.shape[:3] != b.shape[:3]:
        raise Unusable(
            "the files of a case have one shape",
            f"{name_a} has {a.shape[:3]}, {name_b} has {b.shape[:3]}",
            "Resample one to the other's grid.",
        )
    corners = np.array(np.meshgrid(*[[0, size - 1] for size in a.shape[:3]], [1])).reshape(4, -1)
    apart = float(np.abs((a.affine - b.affine) @ corners).max())
    if apart > ALIGNMENT_TOLERANCE_MM:
        raise Unusable(
            "the files of a case lie on one grid",
            f"{name_a} and {name_b} place a corner {apart:.3f} mm apart",
            "Resample one to the other's grid.",
        )


def _codes(name: str, voxels: NDArray[np.generic]) -> frozenset[int]:
    values = np.unique(voxels)
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        raise Unusable(
            "a label map holds whole numbers", f"{name} has {values[:8].tolist()}", "Export the labels."
        )
    return frozenset(int(value) for value in values)
