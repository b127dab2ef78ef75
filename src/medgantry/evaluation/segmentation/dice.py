"""The Dice similarity coefficient.

Source: Dice, Measures of the amount of ecologic association between species, Ecology 26 (1945).
"""

import numpy as np
from numpy.typing import NDArray

EMPTY_POLICY = "both empty: 1; prediction on an empty reference, or none on one that is not: 0"


def dice(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Dice of two masks [1], from whole voxel counts, so that it is exact.

    Returns:
        A value in [0, 1]; 1 when both are empty, as in the BraTS challenges.

    Raises:
        ValueError: If the masks differ in shape.
    """
    if predicted.shape != reference.shape:
        raise ValueError(f"Masks must have one shape, got {predicted.shape} and {reference.shape}.")
    total = int(predicted.sum()) + int(reference.sum())
    if total == 0:
        return 1.0
    return 2.0 * int(np.logical_and(predicted, reference).sum()) / total
