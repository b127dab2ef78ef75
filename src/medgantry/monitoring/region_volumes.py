"""Volumes of regions in a label map: what a segmentation's answer comes down to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def region_volumes_ml(
    labels: NDArray[Any], regions: Mapping[str, Sequence[int]], spacing_mm: Sequence[float]
) -> dict[str, float]:
    """Volume of each region in millilitres.

    Args:
        labels: (i, j, k), codes.
        regions: Region name -> its codes; regions may overlap.
        spacing_mm: Voxel size along the three axes.
    """
    codes, counts = np.unique(labels, return_counts=True)
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    return {
        name: float(counts[np.isin(codes, list(chosen))].sum()) * voxel_ml for name, chosen in regions.items()
    }
