"""The form that all heat maps share."""

import numpy as np
from numpy.typing import NDArray

HeatMap = NDArray[np.float32]
"""(H, W) in [0, 1], as large as the image; 1 where it matters most. Only the order means something."""


def heat_map(strength: NDArray[np.floating]) -> HeatMap:
    """Stretch a map to [0, 1]; one that is the same everywhere points nowhere and becomes 0.

    Args:
        strength: (H, W), more is more important.
    """
    low, high = float(strength.min()), float(strength.max())
    if not high > low:
        return np.zeros(strength.shape, dtype=np.float32)
    return ((strength.astype(np.float64) - low) / (high - low)).astype(np.float32)
