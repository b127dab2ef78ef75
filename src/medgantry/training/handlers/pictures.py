"""Pictures by which one sees a network learn: the same case in the same view after every epoch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medgantry.evaluation.classification.seen import as_seen
from medgantry.training.handlers.slice_frame import draw_frame, gray_levels

_LONGEST = 384
"""Pixels along the longer side of a slice."""


def draw_masks(
    path: Path,
    image: NDArray[np.floating],
    reference: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
) -> None:
    """Write a slice as PNG: outlines of the reference on the left, of the prediction on the right.

    The slice is the one with most of the reference, so it is the same in every epoch.

    Args:
        path: Where.
        image: (C, i, j, k) or (C, i, j); the first channel is shown.
        reference: (R, ...), a mask a region.
        prediction: The same.
    """
    if image.ndim == 3:
        image, reference, prediction = image[..., None], reference[..., None], prediction[..., None]
    areas = reference.any(axis=0).sum(axis=(0, 1))
    k = int(areas.argmax()) if areas.any() else image.shape[3] // 2
    levels = gray_levels(image[0])[:, :, k]
    draw_frame(levels, list(reference[..., k]), list(prediction[..., k]), _LONGEST / max(levels.shape)).save(
        path
    )


def draw_classes(
    path: Path,
    image: NDArray[np.floating],
    reference: str,
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
) -> None:
    """Write an image as PNG with what the network thinks it is beside it.

    Args:
        path: Where.
        image: (1 or 3, x, y), as MONAI reads photos.
        reference: Its class.
        probabilities: (K,) in [0, 1].
        classes: K names.
    """
    figure = Figure(figsize=(6, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(as_seen(torch.from_numpy(image)))
    left.axis("off")
    colours = ["#3b7ea1" if name == reference else "#c9d1d8" for name in classes]
    right.barh(range(len(classes)), probabilities, color=colours)
    right.set_yticks(range(len(classes)), classes, parse_math=False)
    right.set_xlim(0, 1)
    right.invert_yaxis()
    right.set_xlabel(f"probability; the reference is {reference}", parse_math=False, fontsize=9)
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
