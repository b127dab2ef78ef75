"""Pictures of an explanation: the image, and beside it each heat map laid over it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

_STRONGEST = 0.75
"""Opacity where a map is 1; where it is 0 the image shows through."""


def draw_explanation(
    path: Path, image: NDArray[np.uint8], maps: Mapping[str, NDArray[np.float32]], title: str
) -> None:
    """Draw an image and its heat maps in a row, as PNG.

    Args:
        path: Where.
        image: (H, W, 3), as a person sees it.
        maps: Name of the method -> (H, W) in [0, 1].
        title: Above the picture.

    Raises:
        ValueError: If a map is not as large as the image.
    """
    for name, heat in maps.items():
        if heat.shape != image.shape[:2]:
            raise ValueError(f"A heat map must be {image.shape[:2]} as the image, {name} is {heat.shape}.")
    figure = Figure(figsize=(2.8 * (1 + len(maps)), 3.1), layout="constrained")
    axes = figure.subplots(1, 1 + len(maps), squeeze=False)[0]
    for axis, name in zip(axes, ("image", *maps), strict=True):
        axis.imshow(image)
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    for axis, heat in zip(axes[1:], maps.values(), strict=True):
        axis.imshow(heat, cmap="plasma", vmin=0, vmax=1, alpha=_STRONGEST * heat)
    figure.suptitle(title, fontsize=10, parse_math=False)  # a title with dollar signs is no formula
    figure.savefig(path, dpi=110)
