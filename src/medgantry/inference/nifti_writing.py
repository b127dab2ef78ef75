"""NIfTI files, packed by ISA-L: a tenth of zlib's time for a few per cent more bytes."""

from pathlib import Path
from typing import Any

import nibabel
import torch
from isal import igzip
from numpy.typing import NDArray

_COMPRESSION = 1


def save_nifti(voxels: NDArray[Any], header: nibabel.Nifti1Header, path: Path) -> None:
    """Write as nibabel does; `.gz` with a header that names no time and no file.

    Args:
        voxels: (i, j, k), of the header's data type.
        header: With the geometry.
        path: `.nii.gz` or `.nii`.
    """
    image = nibabel.Nifti1Image(_in_order_of_file(voxels), None, header)
    if path.suffix != ".gz":
        nibabel.save(image, path)
        return
    with (
        path.open("wb") as raw,
        igzip.IGzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=_COMPRESSION) as stream,
    ):
        image.to_stream(stream)


def _in_order_of_file(voxels: NDArray[Any]) -> NDArray[Any]:
    """The same with `i` the fastest axis in memory: torch turns two axes in blocks, in a third of numpy's time for three."""
    if not voxels.flags.c_contiguous:
        return voxels
    i, j, k = voxels.shape
    turned = torch.from_numpy(voxels).view(i, j * k).t().contiguous().view(j, k, i)
    ordered: NDArray[Any] = turned.transpose(0, 1).contiguous().numpy().T
    return ordered
