"""A photo as the network gets it, turned back into a picture."""

import numpy as np
import torch
from numpy.typing import NDArray


def as_seen(prepared: torch.Tensor) -> NDArray[np.uint8]:
    """The network's input as a picture, stretched to the full range.

    Args:
        prepared: (1 or 3, x, y): MONAI reads photos with the axes in this order.

    Returns:
        (rows, columns, RGB).
    """
    values = torch.as_tensor(prepared).double().numpy().transpose(2, 1, 0)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low or 1.0)
    picture = np.rint(scaled * 255).astype(np.uint8)
    return picture if picture.shape[2] == 3 else np.repeat(picture[..., :1], 3, axis=2)


def as_picture(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map over (x, y) as one over (rows, columns)."""
    return np.ascontiguousarray(heat.T)
