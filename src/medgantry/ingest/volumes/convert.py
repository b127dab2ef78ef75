"""Any volume as NIfTI, with the same bytes for the same content."""

from pathlib import Path

import nibabel
import numpy as np
from isal import igzip

from medgantry.ingest.nifti_facts import check_geometry
from medgantry.ingest.volumes.formats import format_of, is_nifti
from medgantry.ingest.volumes.volume import Volume
from medgantry.ledger import Unusable

# At zlib's level 6 a CT takes half a minute for 5 % fewer bytes.
_COMPRESSION = 1


def as_nifti(path: Path, folder: Path) -> Path:
    """The file itself where it is NIfTI or missing, else its conversion.

    Args:
        path: A volume in any format that is registered.
        folder: Where the conversion goes, as `<name>.nii.gz`.

    Raises:
        Unusable: If the file is damaged, or says too little to be placed in space.
    """
    if is_nifti(path.name) or not path.is_file():
        return path
    kind = format_of(path.name)
    try:
        volume = kind.read(path)
    except Unusable:
        raise
    except Exception as error:  # readers raise many kinds for damaged files
        raise Unusable(
            f"the file is readable {kind.name}", f"{path.name}: {error}", "Export it again."
        ) from error
    check_geometry(path.name, volume.voxels.shape, volume.affine)
    target = folder / f"{path.name}.nii.gz"
    write_nifti(_storable(path.name, volume), target)
    return target


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a `.nii.gz` whose header names no time and no file."""
    header, voxels = nifti_bytes(volume)
    with (
        path.open("wb") as raw,
        igzip.IGzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=_COMPRESSION) as stream,
    ):
        stream.write(header)
        stream.write(voxels)


def nifti_bytes(volume: Volume) -> tuple[bytes, memoryview]:
    """A single NIfTI-1 file's header, and its voxels, which are not copied when they lie in Fortran order."""
    image = nibabel.Nifti1Image(volume.voxels, volume.affine)
    image.header.set_xyzt_units("mm")
    image.header["vox_offset"] = 352
    image.header["magic"] = b"n+1"
    voxels = np.ascontiguousarray(volume.voxels.T, image.get_data_dtype().newbyteorder("<"))
    return image.header.binaryblock + bytes(4), memoryview(voxels.view(np.uint8).reshape(-1))  # type: ignore[arg-type]


def _storable(name: str, volume: Volume) -> Volume:
    """With a data type that every reader of NIfTI knows and that holds the same numbers."""
    voxels = volume.voxels
    kind, size = voxels.dtype.kind, voxels.dtype.itemsize
    if kind == "b":
        voxels = voxels.astype(np.uint8)
    elif kind == "f" and size == 2:
        voxels = voxels.astype(np.float32)
    elif kind in "iu" and size == 8:
        fitting = np.int32 if kind == "i" or int(voxels.max()) <= np.iinfo(np.int32).max else np.uint32
        limits = np.iinfo(fitting)
        if int(voxels.min()) < limits.min or int(voxels.max()) > limits.max:
            raise Unusable(
                "voxel values fit 32 bits", f"{name} has up to {int(voxels.max())}", "Rescale the values."
            )
        voxels = voxels.astype(fitting)
    elif kind not in "iuf" or size > 8:
        raise Unusable("a voxel is one real number", f"{name} has {voxels.dtype}", "Export scalar volumes.")
    return Volume(voxels=voxels, affine=volume.affine)
