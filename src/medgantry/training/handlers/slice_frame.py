"""One slice with outlines, as a small picture of few colours."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

_COLOURS = ((255, 212, 0), (0, 200, 255), (255, 60, 120), (90, 255, 60))
GRAYS = 48
"""Shades: enough to see anatomy by, few enough for an animation of modest size."""
_GAP = 4
"""Pixels between reference and prediction."""


def gray_levels(volume: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Intensities as shades 0 to GRAYS - 1, between the 1st and the 99.5th percentile of the whole volume."""
    low, high = np.percentile(volume, (1, 99.5))
    scaled = (volume - low) / max(high - low, 1e-9)
    levels: NDArray[np.uint8] = (np.clip(scaled, 0, 1) * (GRAYS - 1)).astype(np.uint8)
    return levels


def draw_frame(
    levels: NDArray[np.uint8],
    references: Sequence[NDArray[np.bool_]],
    predictions: Sequence[NDArray[np.bool_]],
    scale: float,
) -> Image.Image:
    """A slice twice: with the outlines of the references, and with those of the predictions.

    Args:
        levels: (i, j), of `gray_levels`.
        references: Masks (i, j), one a region; each region has its colour.
        predictions: The same regions.
        scale: Pixels a voxel.

    Returns:
        A palette picture; i goes to the right and j upwards, as everywhere in our pictures.
    """
    left, right = (_outlined(levels, masks, scale) for masks in (references, predictions))
    gap = np.full((len(left), _GAP), GRAYS - 1, np.uint8)
    picture = Image.fromarray(np.concatenate([left, gap, right], axis=1))
    picture.putpalette(_palette())
    return picture


def _palette() -> list[int]:
    """Colours by index: shades, then the regions' colours."""
    shades = [value for level in range(GRAYS) for value in [round(level * 255 / (GRAYS - 1))] * 3]
    return shades + [value for colour in _COLOURS for value in colour]


def _outlined(
    levels: NDArray[np.uint8], masks: Sequence[NDArray[np.bool_]], scale: float
) -> NDArray[np.uint8]:
    canvas = _upright(levels, scale, Image.Resampling.BILINEAR)
    for index, mask in enumerate(masks):
        large = _upright(mask.astype(np.uint8), scale, Image.Resampling.NEAREST) > 0
        canvas[large & ~ndimage.binary_erosion(large)] = GRAYS + index % len(_COLOURS)
    return canvas


def _upright(plane: NDArray[np.uint8], scale: float, resampling: Image.Resampling) -> NDArray[np.uint8]:
    size = tuple(max(round(length * scale), 1) for length in plane.shape)
    return np.array(Image.fromarray(plane.T[::-1].copy()).resize(size, resampling))
