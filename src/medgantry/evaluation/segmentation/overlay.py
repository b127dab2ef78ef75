"""Pictures of a case: the slice with most tumour, reference and prediction drawn on it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

_COLOURS = ("#ffd400", "#00c8ff", "#ff3c78", "#5aff3c")


def draw_overlay(
    path: Path,
    volume: NDArray[np.generic],
    references: Mapping[str, NDArray[np.bool_]],
    predictions: Mapping[str, NDArray[np.bool_]],
    title: str,
) -> None:
    """Draw reference (left) and prediction (right) as outlines on one axial slice, as PNG.

    Args:
        path: Where.
        volume: (i, j, k), one channel.
        references: Region name -> mask.
        predictions: Region name -> mask.
        title: Above the picture.
    """
    union = np.any(list(references.values()), axis=0)
    index = int(union.sum(axis=(0, 1)).argmax()) if union.any() else volume.shape[2] // 2
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    for axis, masks, name in zip(
        figure.subplots(1, 2), (references, predictions), ("reference", "prediction"), strict=True
    ):
        axis.imshow(volume[:, :, index].T, cmap="gray", origin="lower")
        for colour, (region, mask) in zip(_COLOURS, masks.items(), strict=False):
            if mask[:, :, index].any():
                axis.contour(mask[:, :, index].T.astype(float), levels=[0.5], colors=colour, linewidths=1.2)
            axis.plot([], [], color=colour, label=region)
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    figure.legend(*axis.get_legend_handles_labels(), loc="lower center", ncols=len(references), fontsize=8)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=110)
