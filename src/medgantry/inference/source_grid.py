"""Back to the grid a volume came on."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform


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
    # One voxel of border: half-voxel offsets at the rim must not fade, far away nothing must be smeared.
    padded = np.pad(probabilities, ((0, 0), (1, 1), (1, 1), (1, 1)), mode="edge")
    mapping = np.linalg.inv(affine) @ source_affine
    matrix, offset = mapping[:3, :3], mapping[:3, 3] + 1.0
    return np.stack(
        [
            affine_transform(
                region, matrix, offset, output_shape=source_shape, order=1, mode="constant", cval=0.0
            )
            for region in padded
        ]
    )
