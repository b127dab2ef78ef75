"""A region of an image: found, judged, and cut out with what decides its features."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medgantry.ledger import Unusable

ALIGNMENT_TOLERANCE_MM = 1e-2
"""How far apart image and mask may place the same voxel, as where volumes are ingested."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Region:
    """Voxels of an image."""

    inside: NDArray[np.bool_]
    """On the image's grid, (z, y, x)."""
    box: Box
    """The smallest that holds them, likewise."""
    values: NDArray[Any]
    """Of the voxels, in no order."""


def find(image: sitk.Image, labels: sitk.Image, codes: Sequence[int], *, min_voxels: int) -> Region:
    """Find a region and judge whether features of it mean anything.

    Args:
        image: One channel in 3-D.
        labels: Label map, on the same grid.
        codes: The labels' codes that make the region.
        min_voxels: Least number of voxels.

    Raises:
        Unusable: If the grids differ, or the region is empty, too small, or all one value, or has values that are
            no numbers.
    """
    check_grids(image, labels)
    stored = sitk.GetArrayViewFromImage(labels)
    inside = stored == codes[0] if len(codes) == 1 else np.isin(stored, codes)
    voxels = int(np.count_nonzero(inside))
    if voxels < max(min_voxels, 1):
        raise Unusable(
            f"a region has at least {max(min_voxels, 1)} voxels",
            f"{voxels} voxels",
            "Look at the mask; lower min_voxels if features of so few mean something to you."
            if voxels
            else "Look at the mask: the region may be missing, or called by another name.",
        )
    box = _box(inside)
    values = sitk.GetArrayViewFromImage(image)[box][inside[box]]
    odd = int(np.count_nonzero(~np.isfinite(values)))
    if odd:
        raise Unusable(
            "a region's values are numbers", f"{odd} of {voxels} are NaN or infinite", "Look at the image."
        )
    if values.min() == values.max():
        raise Unusable(
            "a region's values differ",
            f"all {voxels} are {values.min():g}",
            "Look whether image and mask belong together: textures of one value are not defined.",
        )
    return Region(inside, box, values)


def check_grids(image: sitk.Image, labels: sitk.Image) -> None:
    """Refuse a mask that lies elsewhere than its image.

    Raises:
        Unusable: With sizes, or the distance between a corner of one and of the other.
    """
    rule, remedy = "image and mask have one grid", "Bring the mask to the image's grid, and ingest again."
    if image.GetSize() != labels.GetSize():
        raise Unusable(rule, f"{image.GetSize()} and {labels.GetSize()} voxels along x, y, z", remedy)
    corners = product(*((0, size - 1) for size in image.GetSize()))
    apart = max(
        float(
            np.linalg.norm(np.subtract(*(grid.TransformIndexToPhysicalPoint(c) for grid in (image, labels))))
        )
        for c in corners
    )
    if apart > ALIGNMENT_TOLERANCE_MM:
        raise Unusable(rule, f"corners are up to {apart:.3g} mm apart", remedy)


def crop(image: sitk.Image, box: Box, margin: Sequence[int]) -> tuple[sitk.Image, Box]:
    """An image's part around a box.

    An axis along which the margin would leave the image is kept whole: a wavelet takes what lies beyond an end from
    the other end.

    Args:
        image: The image.
        box: On (z, y, x).
        margin: Voxels to keep around it along (x, y, z).

    Returns:
        The part, and where it lies, on (z, y, x).
    """
    kept = []
    for size, along, around in zip(image.GetSize(), reversed(box), margin, strict=True):
        fits = along.start >= around and along.stop + around <= size
        kept.append(slice(along.start - around, along.stop + around) if fits else slice(0, size))
    return image[tuple(kept)], (kept[2], kept[1], kept[0])


def as_mask(inside: NDArray[np.bool_], like: sitk.Image) -> sitk.Image:
    """A region as a label map with code 1, on the grid of an image."""
    mask = sitk.GetImageFromArray(inside.astype(np.uint32))  # pyradiomics' own type of masks
    mask.CopyInformation(like)
    return mask


def _box(inside: NDArray[np.bool_]) -> Box:
    """The smallest box that holds every voxel of a region."""
    box: list[slice] = []
    for axis in range(3):
        part = inside[tuple(box)]  # axes that are done are cut already
        along = np.flatnonzero(part.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(along[0]), int(along[-1]) + 1))
    return box[0], box[1], box[2]
