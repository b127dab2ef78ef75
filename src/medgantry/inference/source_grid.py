"""Back to the grid a volume came on."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

_SLAB = 16
"""Source slices that are resampled at once where all classes of a whole volume would not fit into memory."""


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
    return _resample(_bordered(probabilities), np.linalg.inv(affine) @ source_affine, source_shape)


def source_slabs(
    probabilities: NDArray[np.float32],
    affine: NDArray[np.float64],
    source_shape: tuple[int, int, int],
    source_affine: NDArray[np.float64],
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """What `to_source_grid` gives, slab by slab along k.

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
