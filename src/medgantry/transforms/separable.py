"""Resampling along the axes, one after another: what a dense grid does, when no axis of it mixes two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from monai.networks.utils import to_norm_affine
from numpy.typing import NDArray

Size = tuple[int, int, int]


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
    """(n,) float32 of `lower` and `upper`; None takes `lower` as it is."""

    def __getitem__(self, places: torch.Tensor) -> "Line":
        """The voxels at some places of the output axis: a crop, or a flip."""
        weights = self.weights and (self.weights[0][places], self.weights[1][places])
        return replace(self, lower=self.lower[places], upper=self.upper[places], weights=weights)


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
        weights = None if mode == "nearest" else ((lower + 1 - at).float(), (at - lower).float())
        lines.append(Line(axis=axis, lower=lower, upper=(lower + 1).clamp(max=size - 1), weights=weights))
    return tuple(lines)


def resample(image: torch.Tensor, lines: Sequence[Line]) -> torch.Tensor:
    """Take the lines' voxels, channel by channel so that what lies between two axes stays small.

    Args:
        image: (C, i, j, k), any strides; fastest when `i` is the fastest axis, as in NIfTI, or `k`.
        lines: One per output axis, each of its own source axis.

    Returns:
        (C, i', j', k') float32, contiguous.
    """
    shape = [len(line.lower) for line in lines]
    out = torch.empty((image.shape[0], *shape), dtype=torch.float32)
    order = sorted(range(3), key=lambda axis: -image.stride(axis + 1))  # of the source, slowest first
    by_source = {line.axis: line for line in lines}
    output_axis = {line.axis: place for place, line in enumerate(lines)}
    slow, middle, fast = order
    turned = sorted((slow, middle), key=output_axis.__getitem__)  # the order both have in the output
    for channel, result in zip(image, out, strict=True):
        volume = channel.permute(order)
        volume = _take(volume, 0, by_source[slow])
        if turned[0] == middle:
            volume = _take(volume.transpose(0, 1), 0, by_source[middle])
        else:
            volume = _take(volume, 1, by_source[middle])
        if output_axis[fast] == 2:
            result.copy_(_take(volume, 2, by_source[fast]))
            continue
        # Whole rows are copied by an axis that is not the fastest: transposed first, which 2-D copies do in blocks.
        count = volume.shape[2]
        volume = volume.reshape(-1, count).t().contiguous().view(count, *volume.shape[:2])
        volume = _take(volume, 0, by_source[fast])
        result.copy_(volume if output_axis[fast] == 0 else volume.transpose(0, 1))
    return out


def _take(volume: torch.Tensor, dim: int, line: Line) -> torch.Tensor:
    """One axis of a volume (a, b, c)."""
    taken = volume.index_select(dim, line.lower)
    if line.weights is None:
        return taken
    shape = [-1 if place == dim else 1 for place in range(3)]
    lower, upper = (weight.view(shape) for weight in line.weights)
    # Not lerp: it would lose a weight of 1e-16 beside one of 1.
    return taken.float().mul_(lower).addcmul_(volume.index_select(dim, line.upper).float(), upper)
