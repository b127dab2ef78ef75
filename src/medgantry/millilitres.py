"""From counted voxels to volumes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def voxel_millilitres(affine: NDArray[Any]) -> float:
    """The volume of one voxel in ml.

    Args:
        affine: (4, 4) voxel index -> mm; rotated and sheared ones will do.
    """
    return float(abs(np.linalg.det(affine[:3, :3]))) / 1000
