"""The way from the grid that a bundle's preprocessing made back to the source's, read from the trace that MONAI kept.

What MONAI's `Invertd` does transform by transform on all voxels is here one line per axis: flips, crops and paddings are only
other places to take voxels from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from medgantry.transforms.separable import Line, Size, lines_between, lines_of
from medgantry.transforms.spacing import MODES, is_same_grid

Affine = NDArray[np.float64]
Lines = Sequence[Line]
_CROPS = ("CenterSpatialCrop", "CropForeground", "SpatialCrop")
_PADS = ("BorderPad", "DivisiblePad", "Pad", "SpatialPad")


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """Where the voxels of the source lie on the grid of a prepared image."""

    lines: Lines
    """One per source axis, of weights 0 where there is nothing to be taken."""
    affine: Affine
    """Of the source, voxel index -> mm."""


def find_way_back(image: MetaTensor, *, nearest: bool) -> WayBack | None:
    """Read a prepared image's trace.

    Args:
        image: (C, x, y, z), as a bundle's preprocessing made it of MONAI's transforms.
        nearest: Whether to take nearest neighbours where the transforms interpolated.

    Returns:
        None where only MONAI itself knows the way: after other transforms than `Orientationd`, one `Spacingd`, crops and
        paddings, and on oblique grids.
    """
    if image.ndim != 4 or image.pending_operations or tuple(image.affine.shape) != (4, 4):
        return None
    grid = _Grid(image)
    for done in reversed(image.applied_operations):
        step = grid.undo(done, nearest=nearest)
        if step is None or not (_single(grid.lines) or _single(step)):
            return None
        grid.go(step)
    return WayBack(lines=grid.lines, affine=grid.affine)


class _Grid:
    """A grid on the way back, and how it lies in the first."""

    def __init__(self, image: MetaTensor) -> None:
        self.affine: Affine = np.asarray(image.affine, dtype=np.float64)
        self.shape: Size = tuple(image.shape[1:])
        self.lines: Lines = lines_between(np.eye(4), np.eye(4), self.shape)

    def go(self, step: Lines) -> None:
        """Go on by lines into this grid."""
        self.lines = [line.through(self.lines[line.axis]) for line in step]

    def undo(self, done: Mapping[str, Any], *, nearest: bool) -> Lines | None:
        """The lines from the grid before a transform into this one, which becomes that grid; None where unknown."""
        name, extra, shape = done["class"], done.get("extra_info", {}), tuple(map(int, done["orig_size"]))
        if len(shape) != 3 or not done["do_transforms"] or done["lazy"]:
            return None
        if name == "Orientation":
            return self._turned(np.asarray(extra["original_affine"], dtype=np.float64), shape)
        if name == "SpatialResample":
            return self._resampled(extra, shape, nearest=nearest)
        if name in _CROPS and not _padding(extra.get("pad_info", {}).get("extra_info", {})).any():
            return self._moved(-np.reshape(extra["cropped"], (3, 2))[:, 0], shape)
        if name in _PADS and not np.any(extra["padded"][0]):
            return self._moved(_padding(extra)[:, 0], shape)
        return None

    def _turned(self, affine: Affine, shape: Size) -> Lines:
        lines = lines_between(self.affine, affine, shape)
        self.affine, self.shape = affine, shape
        return lines

    def _moved(self, start: NDArray[np.int64], shape: Size) -> Lines:
        """Of a grid whose first voxel is one of this one's; nothing is taken from beyond."""
        shift = np.eye(4)
        shift[:3, 3] = start
        lines = []
        for axis, (size, count) in enumerate(zip(self.shape, shape, strict=True)):
            at = torch.arange(count) + int(start[axis])
            inside = (at >= 0) & (at < size)
            weights = None if inside.all() else (inside.double(), torch.zeros(count, dtype=torch.float64))
            at = at.clamp(0, size - 1)
            lines.append(Line(axis=axis, lower=at, upper=at, weights=weights))
        self.affine, self.shape = self.affine @ shift, shape
        return lines

    def _resampled(self, extra: Mapping[str, Any], shape: Size, *, nearest: bool) -> Lines | None:
        affine = np.asarray(extra["src_affine"], dtype=np.float64)
        mode = "nearest" if nearest else extra["mode"]
        if mode not in MODES or extra["padding_mode"] != "border" or extra["dtype"] != "float64":
            return None
        lines: Lines | None
        if self.shape == shape and is_same_grid(self.affine, affine):
            lines = lines_between(np.eye(4), np.eye(4), shape)
        else:
            corners = extra["align_corners"] is True and not nearest  # MONAI drops it with the mode
            xform: Affine = np.asarray(np.linalg.solve(self.affine, affine), dtype=np.float64)
            lines = lines_of(xform, self.shape, shape, mode=mode, align_corners=corners)
            affine = self.affine @ xform
        self.affine, self.shape = affine, shape
        return lines


def _padding(extra: Mapping[str, Any]) -> NDArray[np.int64]:
    """(3, 2) voxels before and after each axis."""
    return np.asarray(extra.get("padded", np.zeros((4, 2))), dtype=np.int64)[1:]


def _single(lines: Lines) -> bool:
    return all(line.is_single for line in lines)
