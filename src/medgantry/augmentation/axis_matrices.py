"""Linear maps that work along one axis at a time: smoothing, resampling."""

from collections.abc import Callable

import torch


def along_axes(images: torch.Tensor, matrix_of: Callable[[int], torch.Tensor]) -> torch.Tensor:
    """Map each spatial axis by a matrix of its own.

    Args:
        images: (B, C, i, j, k) or (B, C, i, j).
        matrix_of: Length n of an axis -> (B, n, n), from the source's positions (last) to the result's.
    """
    for axis in range(2, images.ndim):
        lines = images.movedim(axis, -1)
        matrices = matrix_of(lines.shape[-1]).to(images.dtype)
        mapped = lines.flatten(1, -2) @ matrices.mT
        images = mapped.reshape(lines.shape).movedim(-1, axis)
    return images.contiguous()
