"""Resampling along the axes, one after another: what a dense grid does, when no axis of it mixes two."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from monai.networks.utils import to_norm_affine
from numpy.typing import NDArray
from scipy.sparse import csr_array

Size = tuple[int, int, int]
Place = tuple[slice, slice, slice]
Volume = NDArray[Any]
_BLOCK = 1 << 20
"""Output voxels computed at once: what lies between two axes, in float64, stays in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Where the voxels of one output axis come from."""

    axis: int
    """Spatial axis of the source."""
    lower: torch.Tensor
    """(n,) indices into it."""
    upper: torch.Tensor
    """(n,) indices; of weight 0 where `lower` is the last voxel."""
    weights: tuple[torch.Tensor, torch.Tensor] | None
    """(n,) float64 of `lower` and `upper`; None takes `lower` as it is."""

    def __getitem__(self, places: torch.Tensor | slice) -> "Line":
        """The voxels at some places of the output axis: a crop, or a flip."""
        weights = self.weights and (self.weights[0][places], self.weights[1][places])
        return replace(self, lower=self.lower[places], upper=self.upper[places], weights=weights)

    @property
    def span(self) -> slice:
        """The part of the source's axis that is looked at."""
        first, last = torch.stack([self.lower, self.upper]).aminmax()
        return slice(int(first), int(last) + 1)

    def after(self, first: int) -> "Line":
        """The same voxels of a source that begins at `first`."""
        return replace(self, lower=self.lower - first, upper=self.upper - first)

    @property
    def is_single(self) -> bool:
        """Whether no voxel is made of two."""
        return self.weights is None or not self.weights[1].any()

    def through(self, inner: "Line") -> "Line":
        """This line into a grid as one into what that grid was made of by `inner`; one of both is single."""
        lower, upper = inner[self.lower], inner[self.upper]
        if self.weights is None:
            return lower
        if self.is_single:
            given = lower.weights or (torch.ones_like(self.weights[0]), torch.zeros_like(self.weights[0]))
            return replace(lower, weights=(given[0] * self.weights[0], given[1] * self.weights[0]))
        weights = self.weights
        if lower.weights and upper.weights:
            weights = (weights[0] * lower.weights[0], weights[1] * upper.weights[0])
        return replace(lower, upper=upper.lower, weights=weights)


def lines_of(
    xform: NDArray[np.float64], source: Size, target: Size, *, mode: str, align_corners: bool
) -> tuple[Line, ...] | None:
    """The taps of `torch.nn.functional.grid_sample` with border padding, as MONAI's `AffineTransform` calls it.

    Coordinates are rounded as there, to the last bit: a weight of 1e-16 decides whether a voxel is background, and
    at half a voxel the nearest neighbour (half to even).

    Args:
        xform: 4x4, target voxel index -> source voxel index.
        source: Spatial shape.
        target: Spatial shape.
        mode: `bilinear` or `nearest`.
        align_corners: MONAI's.

    Returns:
        A line per axis; None if an axis of the target runs along more than one of the source.
    """
    scales = np.diag(xform)[:3]
    if not (xform[:3, :3] == np.diag(scales)).all() or not scales.all():
        return None
    theta = to_norm_affine(torch.from_numpy(xform)[None], source, target, align_corners=align_corners)[0]
    lines = []
    for axis, (size, count) in enumerate(zip(source, target, strict=True)):
        base = torch.linspace(-1, 1, count, dtype=torch.float64) if count > 1 else torch.zeros(1).double()
        if not align_corners:
            base = base * (count - 1) / count
        normalised = base * theta[axis, axis] + theta[axis, 3]
        at = (normalised + 1) / 2 * (size - 1) if align_corners else ((normalised + 1) * size - 1) / 2
        at = at.clamp(0, size - 1)
        lower = at.round().long() if mode == "nearest" else at.floor().long()
        weights = None if mode == "nearest" else (lower + 1 - at, at - lower)
        lines.append(Line(axis=axis, lower=lower, upper=(lower + 1).clamp(max=size - 1), weights=weights))
    return tuple(lines)


def lines_between(before: NDArray[np.float64], after: NDArray[np.float64], target: Size) -> tuple[Line, ...]:
    """Where the voxels of a flipped, permuted or cropped grid lie in the grid it was made of.

    Args:
        before: 4x4, affine of the grid it was made of.
        after: 4x4, its own.
        target: Its spatial shape.
    """
    matrix = np.rint(np.linalg.solve(before, after)).astype(np.int64)
    lines = []
    for place, size in enumerate(target):
        axis = int(np.flatnonzero(matrix[:3, place])[0])
        indices = int(matrix[axis, place]) * torch.arange(size) + int(matrix[axis, 3])
        lines.append(Line(axis=axis, lower=indices, upper=indices, weights=None))
    return tuple(lines)


def resample(image: torch.Tensor, lines: Sequence[Line]) -> torch.Tensor:
    """Take the lines' voxels.

    Args:
        image: (C, i, j, k), any strides.
        lines: One per output axis, each of its own source axis.

    Returns:
        (C, i', j', k') float32, contiguous; computed in float64, as MONAI does.
    """
    out = torch.empty((len(image), *(len(line.lower) for line in lines)), dtype=torch.float32)
    for place, block in blocks(image, lines):
        out[(slice(None), *place)] = block
    return out


def blocks(image: torch.Tensor, lines: Sequence[Line]) -> Iterator[tuple[Place, torch.Tensor]]:
    """What `resample` gives, block by block along the source's slowest axis.

    Returns:
        Where along the three axes, and (C, i', j', k') of this place, its memory in the source's order: float32, or what
        the image is made of where no line has weights.
    """
    if not all(len(line.lower) for line in lines):
        return
    order = sorted(range(3), key=lambda axis: -image.stride(axis + 1))  # of the source, slowest first
    output_axis = [[line.axis for line in lines].index(axis) for axis in order]
    slow, *others = (lines[axis] for axis in output_axis)
    volumes = image.permute(0, *(axis + 1 for axis in order)).numpy()
    back = [0, *(1 + output_axis.index(axis) for axis in range(3))]
    size = [len(line.lower) for line in others]
    kind = np.float32 if any(line.weights for line in lines) else volumes.dtype
    thickness = max(1, _BLOCK // max(1, math.prod(size)))
    for start in range(0, len(slow.lower), thickness):
        part = slow[start : start + thickness]
        block = np.empty((len(volumes), len(part.lower), *size), kind)
        for volume, target in zip(volumes, block, strict=True):
            target[...] = _take(volume, [part, *others])
        place = [slice(None)] * 3
        place[output_axis[0]] = slice(start, start + len(part.lower))
        yield (place[0], place[1], place[2]), torch.from_numpy(block).permute(back)


def _take(volume: Volume, lines: Sequence[Line]) -> Volume:
    """All axes of a volume (a, b, c); that first which shrinks it most."""
    near = [line.span for line in lines]
    volume = volume[tuple(near)]
    for axis in sorted(range(3), key=lambda axis: len(lines[axis].lower) / volume.shape[axis]):
        volume = _take_along(volume, axis, lines[axis].after(near[axis].start))
    return volume


def _take_along(volume: Volume, axis: int, line: Line) -> Volume:
    lower, upper = line.lower.numpy(), line.upper.numpy()
    if line.weights is None:
        return np.asarray(volume.take(lower, axis))
    weights = [weight.numpy() for weight in line.weights]
    if axis == 2:
        taken: Volume = volume.take(lower, 2) * weights[0]
        taken += volume.take(upper, 2) * weights[1]
        return taken
    # Rows of voxels that lie side by side: a sparse matrix with two entries a row does nothing but read and add them.
    entries, columns = np.stack(weights, 1).ravel(), np.stack([lower, upper], 1).ravel()
    shape = (len(lower), volume.shape[axis])
    matrix = csr_array((entries, columns, np.arange(0, 2 * len(lower) + 1, 2)), shape=shape)
    if axis == 0:
        rows = volume.reshape(len(volume), -1).astype(np.float64, copy=False)
        return np.asarray((matrix @ rows).reshape(-1, *volume.shape[1:]))
    taken = np.empty((len(volume), len(lower), volume.shape[2]))
    for plane, target in zip(volume, taken, strict=True):
        target[...] = matrix @ plane.astype(np.float64, copy=False)
    return taken
