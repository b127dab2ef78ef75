"""An animated scroll through a volume, reference beside prediction."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medgantry.training.handlers.slice_frame import draw_frame, gray_levels

_MILLISECONDS = 90
"""Of one frame."""
_FRAMES = 64
"""At most: every n-th slice of a longer volume."""
_LONGEST = 256
"""Pixels along the longer side of a slice."""
_PIXELS = 2_400_000
"""Of all frames together: with fewer than 64 colours GIF needs less than 0.83 bytes for one, even of pure noise."""


def draw_scroll(
    path: Path,
    image: NDArray[np.floating],
    reference: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
) -> None:
    """Write a GIF of less than 2 MB that runs along the third axis.

    Args:
        path: Where.
        image: (C, i, j, k); the first channel is shown.
        reference: (R, i, j, k), a mask a region, outlined on the left.
        prediction: The same, outlined on the right.
    """
    levels = gray_levels(image[0])
    width, height, slices = levels.shape
    shown = range(0, slices, -(-slices // _FRAMES))
    scale = min(_LONGEST / max(width, height), (_PIXELS / (2 * len(shown) * width * height)) ** 0.5)
    frames = [
        draw_frame(levels[:, :, k], list(reference[..., k]), list(prediction[..., k]), scale) for k in shown
    ]
    # Without difference pictures and other palettes, which Pillow would make of frames in other modes.
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=_MILLISECONDS, loop=0, optimize=False
    )
