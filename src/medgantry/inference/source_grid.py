"""Back to the grid a volume came on."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from medgantry.transforms.separable import Line, Place, blocks, resample

_SLAB = 16
"""Source slices that are resampled at once where all classes of a whole volume would not fit into memory."""
_STRAIGHT = 1e-9
"""Voxels that an axis may drift along another of the network's grid, from end to end: rounding."""


def to_source_grid(
    probabilities: NDArray[np.float32],
    affine: NDArray[np.float64],
    source_shape: tuple[int, int, int],
    source_affine: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Resample region probabilities linearly.

    Args:
        probabilities: (R, x, y, z) on the network's grid.
        affine: Of that grid, voxel index -> mm.
        source_shape: (i, j, k).
        source_affine: Of the source, voxel index -> mm in the same frame.

    Returns:
        (R, i, j, k). Up to one voxel outside the network's grid the border value holds, beyond it is 0.
    """
    mapping = np.linalg.inv(affine) @ source_affine
    lines = _lines(mapping, probabilities.shape[1:], source_shape)
    if lines is None:
        return _resample(_bordered(probabilities), mapping, source_shape)
    return resample(torch.from_numpy(probabilities), lines).numpy()


def source_blocks(
    probabilities: NDArray[np.float32],
    affine: NDArray[np.float64],
    source_shape: tuple[int, int, int],
    source_affine: NDArray[np.float64],
) -> Iterator[tuple[Place, NDArray[np.float32]]]:
    """What `to_source_grid` gives, part by part: all classes of a source volume may not fit into memory.

    Returns:
        Where along i, j and k, and (R, i, j, k) of this place.
    """
    lines = _lines(np.linalg.inv(affine) @ source_affine, probabilities.shape[1:], source_shape)
    if lines is not None:
        for place, block in blocks(torch.from_numpy(probabilities), lines):
            yield place, block.numpy()
        return
    for slab, found in source_slabs(probabilities, affine, source_shape, source_affine):
        yield (slice(None), slice(None), slab), found


def source_slabs(
    probabilities: NDArray[np.float32],
    affine: NDArray[np.float64],
    source_shape: tuple[int, int, int],
    source_affine: NDArray[np.float64],
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """What `to_source_grid` gives, slab by slab along k, for grids at any angle.

    Returns:
        Where along k, and (R, i, j, thickness).
    """
    padded, mapping = _bordered(probabilities), np.linalg.inv(affine) @ source_affine
    for start in range(0, source_shape[2], _SLAB):
        stop = min(start + _SLAB, source_shape[2])
        shifted = mapping.copy()
        shifted[:3, 3] += mapping[:3, 2] * start
        yield slice(start, stop), _resample(padded, shifted, (*source_shape[:2], stop - start))


def _bordered(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    # One voxel of border: half-voxel offsets at the rim must not fade, far away nothing must be smeared.
    return np.pad(probabilities, ((0, 0), (1, 1), (1, 1), (1, 1)), mode="edge")


def _resample(
    padded: NDArray[np.float32], mapping: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    matrix, offset = mapping[:3, :3], mapping[:3, 3] + 1.0
    return np.stack(
        [
            affine_transform(region, matrix, offset, output_shape=shape, order=1, mode="constant", cval=0.0)
            for region in padded
        ]
    )


def _lines(
    mapping: NDArray[np.float64], shape: tuple[int, ...], source_shape: tuple[int, int, int]
) -> list[Line] | None:
    """The same as `_resample`, axis by axis; None if an axis of the source runs along two of the network's grid."""
    matrix = mapping[:3, :3]
    along = np.abs(matrix).argmax(axis=0)
    drift = np.abs(matrix) * source_shape
    drift[along, range(3)] = 0
    if drift.max() > _STRAIGHT or len(set(along)) < 3:
        return None
    lines = []
    for place, (axis, count) in enumerate(zip(along, source_shape, strict=True)):
        at = torch.arange(count) * matrix[axis, place] + (mapping[axis, 3] + 1.0)  # one voxel of border
        size = shape[axis]
        inside = (at >= 0) & (at <= size + 1)
        first = at.floor()
        weights = ((first + 1 - at) * inside, (at - first) * inside)
        lower, upper = (tap.long().clamp(0, size - 1) for tap in (first - 1, first))
        lines.append(Line(axis=int(axis), lower=lower, upper=upper, weights=weights))
    return lines
