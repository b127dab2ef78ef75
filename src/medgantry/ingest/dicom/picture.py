"""Small pictures of a volume for the QC report: the slice that shows most, with the mask's outline."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = 160
"""Pixels of the longer side."""
_OUTLINE = (255, 80, 60)


def picture(voxels: NDArray[Any], spacing_mm: tuple[float, float, float], codes: NDArray[Any] | None) -> str:
    """A PNG, base64 encoded: the slice with most labelled voxels, else the middle one.

    Args:
        voxels: (slice, row, column).
        spacing_mm: Between slices, rows, columns.
        codes: A label map of the same shape; its outline is drawn.
    """
    index = len(voxels) // 2 if codes is None else int((codes > 0).sum(axis=(1, 2)).argmax())
    plane = voxels[index].astype(np.float32)
    low, high = np.percentile(plane, (1, 99.5))
    grey = (np.clip((plane - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    colour = np.stack([grey] * 3, axis=-1)
    if codes is not None:
        colour[outline(codes[index] > 0)] = _OUTLINE
    height, width = plane.shape[0] * spacing_mm[1], plane.shape[1] * spacing_mm[2]
    scale = SIZE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    stream = io.BytesIO()
    Image.fromarray(colour).resize(size, Image.Resampling.BILINEAR).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask that have a neighbour outside of it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner
