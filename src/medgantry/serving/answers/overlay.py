"""Slices with regions laid on them, for people: no measurement is taken from these."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medgantry.ingest.photos.png_file import encode_png

SLICES = 15
_COLOURS = ((255, 212, 0), (0, 200, 255), (255, 60, 120), (90, 255, 60))
_SHARE = 0.45
"""Of the colour, beside the image below it."""
_WINDOW = (1.0, 99.0)
"""Percentiles that are black and white."""


def draw_slices(
    volume: NDArray[Any],
    masks: Sequence[NDArray[np.bool_]],
    affine: NDArray[np.float64],
    folder: Path,
) -> list[Path]:
    """Draw slices across the third axis, as PNG, where the masks are or else through the whole volume.

    Args:
        volume: (i, j, k), one channel.
        masks: (i, j, k) each.
        affine: From voxels to mm.
        folder: Where the pictures go.

    Returns:
        At most `SLICES` files, along the axis.
    """
    low, high = np.percentile(volume[::2, ::2, ::2], _WINDOW)
    spacing = voxel_sizes(affine)
    paths: list[Path] = []
    for index in _chosen(masks, volume.shape[2]):
        grey = np.clip((volume[:, :, index].astype(np.float32) - low) / max(float(high - low), 1e-6), 0, 1)
        picture = np.repeat(grey[..., None] * 255, 3, axis=2)
        for colour, mask in zip(cycle(_COLOURS), masks, strict=False):
            inside = mask[:, :, index]
            picture[inside] = (1 - _SHARE) * picture[inside] + _SHARE * np.asarray(colour, np.float32)
        upright = picture.swapaxes(0, 1)[::-1]
        # Voxels are drawn as long as they are.
        rows = np.round(np.arange(0, len(upright), spacing[0] / spacing[1])).astype(int)
        path = folder / f"overlay-{len(paths) + 1:02d}.png"
        path.write_bytes(encode_png(upright[rows[rows < len(upright)]].astype(np.uint8)))
        paths.append(path)
    return paths


def _chosen(masks: Sequence[NDArray[np.bool_]], slices: int) -> list[int]:
    there = [index for index in range(slices) if any(mask[:, :, index].any() for mask in masks)]
    first, last = (there[0], there[-1]) if there else (0, slices - 1)
    return sorted({int(index) for index in np.linspace(first, last, SLICES).round()})
