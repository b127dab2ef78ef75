"""A NIfTI file as SimpleITK has it, read to its end: SimpleITK reads what is missing of a file as zeros."""

import gzip
import math
import shutil
import zlib
from pathlib import Path

import nibabel
import SimpleITK as sitk

from medgantry.features.radiomics.memory import raise_if_memory
from medgantry.ledger import Unusable


def read_volume(path: Path, scratch: Path, *, channel_index: int = -1) -> sitk.Image:
    """Read a file, or one channel of it.

    Args:
        path: `.nii.gz` or `.nii`.
        scratch: Where the file is unpacked.
        channel_index: On the last axis of a 4-D file; -1 for a 3-D file.

    Raises:
        Unusable: If the file is damaged, or not on a grid of right angles.
    """
    plain = _unpacked(path, scratch)
    try:
        header = nibabel.load(plain).header
        wanted = (
            header.get_data_offset() + math.prod(header.get_data_shape()) * header.get_data_dtype().itemsize
        )
        image = sitk.ReadImage(plain)
    except Exception as error:  # both raise many kinds for damaged files
        raise_if_memory(error)
        said = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise Unusable("SimpleITK reads the file", said, "Export it again.") from error
    if plain.stat().st_size < wanted:
        raise Unusable(
            "the file holds the voxels its header promises",
            f"{plain.stat().st_size} bytes, {wanted} were promised",
            "Copy the file again.",
        )
    plain.unlink()
    volume: sitk.Image = image if channel_index < 0 else image[:, :, :, channel_index]
    if volume.GetDimension() != 3:
        raise Unusable("a channel has three axes", f"{volume.GetSize()} voxels", "Convert it to a volume.")
    return volume


def _unpacked(path: Path, scratch: Path) -> Path:
    plain = scratch / "volume.nii"
    try:
        with (
            gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as packed,
            plain.open("wb") as out,
        ):
            shutil.copyfileobj(packed, out, 1 << 22)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unusable("the gzip stream is whole", str(error), "Copy the file again.") from error
    return plain
