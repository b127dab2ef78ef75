"""Which cases belong together, and sums over them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def cluster_codes(groups: Sequence[str]) -> NDArray[np.intp]:
    """Number of each case's group, counted from 0 in the order of their names."""
    codes: NDArray[np.intp] = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    return codes


def cluster_sums(values: NDArray[np.float64], codes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sum of the values of each group, in the order of the groups' numbers."""
    sums: NDArray[np.float64] = np.bincount(codes, weights=values).astype(np.float64)
    return sums
