"""A phantom's case in the layout of the Medical Segmentation Decathlon: an image and its label, sound or damaged."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

DAMAGES = ("truncated image", "label of another shape", "affine with NaN", "missing image")

_NIFTI_QUATERN_B = 256  # bytes; quatern_b ... srow_z are 18 float32 in a row in the NIfTI-1 header


def turn(
    voxels: NDArray[Any], affine: NDArray[np.float64], orientation: str
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Store a volume along other axes; no voxel moves in the world.

    Args:
        voxels: (x, y, z, ...), axes to the right, anterior, superior.
        affine: (4, 4) voxel index -> RAS+ millimetres.
        orientation: Where the stored axes point, such as `LPS`.

    Returns:
        The voxels along the stored axes and their affine.
    """
    there = nib.orientations.axcodes2ornt(orientation)
    change = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), there)
    turned = affine @ nib.orientations.inv_ornt_aff(change, voxels.shape[:3])
    return nib.orientations.apply_orientation(voxels, change), turned


def write_image(
    path: Path, voxels: NDArray[Any], affine: NDArray[np.float64], damage: str | None = None
) -> None:
    """Write a `.nii.gz` of the voxels (i, j, k, ...); damaged, or not at all, where the damage is the image's."""
    if damage == "missing image":
        path.unlink(missing_ok=True)
        return
    content = _nifti(voxels, affine)
    if damage == "affine with NaN":
        content = _with_nan_affine(content)
    # Without a time stamp the same content gives the same bytes.
    packed = gzip.compress(content, compresslevel=6, mtime=0)
    if damage == "truncated image":
        packed = packed[: len(packed) * 3 // 5]  # the header still reads well, the voxels do not
    path.write_bytes(packed)


def write_label(
    path: Path, label: NDArray[Any], affine: NDArray[np.float64], damage: str | None = None
) -> None:
    """Write a `.nii.gz` of the label (i, j, k); two slices short where that is the damage."""
    short = label[:, :, :-2] if damage == "label of another shape" else label
    write_image(path, short, affine)


def write_stray_file(image: Path) -> None:
    """Write what macOS leaves beside an image in an archive; a reader that globs for images trips over it."""
    image.with_name(f"._{image.name}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X junk")


def _nifti(voxels: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    """An uncompressed NIfTI-1 file of the voxels, millimetres, with sform and qform set."""
    image = nib.Nifti1Image(voxels, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    content: bytes = image.to_bytes()
    return content


def _with_nan_affine(content: bytes) -> bytes:
    """The NIfTI-1 file with NaN in qform and sform: nibabel refuses to write one, yet they exist."""
    nans = np.full(18, np.nan, dtype="<f4").tobytes()
    return content[:_NIFTI_QUATERN_B] + nans + content[_NIFTI_QUATERN_B + len(nans) :]
