"""Pictures of a case: the slice with most of the reference, reference and prediction drawn on it."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import nibabel
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

_COLOURS = ("#ffd400", "#00c8ff", "#ff3c78", "#5aff3c")
_OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))


def draw_overlay(
    path: Path,
    volume: NDArray[np.generic],
    references: Mapping[str, NDArray[np.bool_]],
    predictions: Mapping[str, NDArray[np.bool_]],
    title: str,
    *,
    affine: NDArray[np.float64],
) -> None:
    """Draw reference (left) and prediction (right) as outlines on one slice of the third axis, as PNG.

    Args:
        path: Where.
        volume: (i, j, k), one channel.
        references: Region name -> mask.
        predictions: Region name -> mask.
        title: Above the picture.
        affine: From voxels to mm, RAS+; voxels are drawn as long as they are, edges are lettered.
    """
    index = _slice(references, predictions, volume.shape[2])
    spacing = voxel_sizes(affine)
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    for axis, masks, name in zip(
        figure.subplots(1, 2), (references, predictions), ("reference", "prediction"), strict=True
    ):
        axis.imshow(volume[:, :, index].T, cmap="gray", origin="lower", aspect=spacing[1] / spacing[0])
        for colour, (region, mask) in zip(cycle(_COLOURS), masks.items(), strict=False):
            if mask[:, :, index].any():
                axis.contour(mask[:, :, index].T.astype(float), levels=[0.5], colors=colour, linewidths=1.2)
            axis.plot([], [], color=colour, label=region)
        letter_edges(axis, nibabel.aff2axcodes(affine))
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    legend = figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower center", ncols=len(references), fontsize=8
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.suptitle(title, fontsize=10, parse_math=False)  # a title with dollar signs is no formula
    figure.savefig(path, dpi=110)


def _slice(
    references: Mapping[str, NDArray[np.bool_]], predictions: Mapping[str, NDArray[np.bool_]], slices: int
) -> int:
    """With most of the reference; of the prediction where that is empty, as what was made up is what is wrong."""
    for masks in (references, predictions):
        union = np.any(list(masks.values()), axis=0)
        if union.any():
            return int(union.sum(axis=(0, 1)).argmax())
    return slices // 2


def letter_edges(axis: Axes, codes: Sequence[str]) -> None:
    """Which side of the patient lies at each edge."""
    ends = {
        (0.02, 0.5): _OPPOSITE[codes[0]],
        (0.98, 0.5): codes[0],
        (0.5, 0.03): _OPPOSITE[codes[1]],
        (0.5, 0.97): codes[1],
    }
    for (x, y), letter in ends.items():
        axis.text(x, y, letter, color="w", fontsize=7, ha="center", va="center", transform=axis.transAxes)
