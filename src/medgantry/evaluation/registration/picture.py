"""Pictures of a registration: both images over each other, before and after."""

from pathlib import Path

import nibabel
import numpy as np
from matplotlib.figure import Figure
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medgantry.evaluation.segmentation.overlay import letter_edges

_SHOWN = (1, 99)
"""Percentiles of the fixed image that are black and full colour."""


def draw_registration(
    path: Path,
    fixed: NDArray[np.generic],
    moving: NDArray[np.generic],
    warped: NDArray[np.generic],
    title: str,
    *,
    affine: NDArray[np.float64] | None = None,
) -> None:
    """Draw the moving image in green over the fixed one in magenta, as PNG; where both agree it is grey.

    A slice through the middle, seen from the front: breathing moves up and down.

    Args:
        path: Where.
        fixed: (i, j, k).
        moving: (i, j, k), before.
        warped: (i, j, k), after.
        title: Above the picture.
        affine: From voxels to mm, RAS+; voxels are drawn as long as they are, edges are lettered. None where it is not
            known: voxels are drawn as cubes, and no edge is lettered.
    """
    codes = nibabel.aff2axcodes(affine) if affine is not None else ("", "AP", "")
    spacing = voxel_sizes(affine) if affine is not None else (1.0, 1.0, 1.0)
    through = next(axis for axis, code in enumerate(codes) if code in ("A", "P", "AP"))
    across, up = (axis for axis in range(3) if axis != through)
    index = fixed.shape[through] // 2
    low, high = np.percentile(np.asarray(fixed, dtype=np.float64), _SHOWN)

    def shade(volume: NDArray[np.generic]) -> NDArray[np.float64]:
        plane = np.asarray(volume, dtype=np.float64).take(index, axis=through)
        share: NDArray[np.float64] = ((plane - low) / max(high - low, 1e-9)).clip(0, 1)
        return share

    figure = Figure(figsize=(7, 3.4), layout="constrained")
    for axis, (name, other) in zip(
        figure.subplots(1, 2), {"before": moving, "after": warped}.items(), strict=True
    ):
        colours = np.stack([shade(fixed), shade(other), shade(fixed)], axis=-1)
        axis.imshow(colours.transpose(1, 0, 2), origin="lower", aspect=spacing[up] / spacing[across])
        if affine is not None:
            letter_edges(axis, (codes[across], codes[up]))
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    figure.suptitle(title, fontsize=10, parse_math=False)  # a title with dollar signs is no formula
    figure.savefig(path, dpi=110)
