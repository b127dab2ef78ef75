"""How unsure an ensemble is of each voxel: the entropy of its mean probabilities.

Source: predictive entropy as in Lakshminarayanan et al., Simple and scalable predictive uncertainty estimation using deep
ensembles, NeurIPS (2017), and, over augmentations, Wang et al., Neurocomputing 338 (2019).
"""

import numpy as np
from numpy.typing import NDArray


def predictive_entropy(probabilities: NDArray[np.float32], *, exclusive: bool) -> NDArray[np.float32]:
    """Entropy [1] of each voxel's probabilities, as a share of the most there can be.

    Args:
        probabilities: (R, i, j, k).
        exclusive: Whether a voxel is of one class alone, so that its probabilities add up to 1. Otherwise each region is
            asked about by itself, and the least certain one counts.

    Returns:
        (i, j, k), from 0, all agree and are sure, to 1, nothing is known.
    """
    found = np.clip(probabilities, 0.0, 1.0)
    if exclusive:
        entropy: NDArray[np.float32] = _surprise(found).sum(axis=0) / np.float32(np.log(len(found)))
        return entropy
    most = np.zeros(found.shape[1:], dtype=np.float32)
    for region in found:
        np.maximum(most, (_surprise(region) + _surprise(1 - region)) / np.float32(np.log(2)), out=most)
    return most


def _surprise(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """-p log p, which is 0 at p = 0."""
    return -share * np.log(np.where(share > 0, share, np.float32(1)))
