"""Test-time augmentation: a network sees an image and its mirror images, and its answers are mirrored back.

Source: Wang et al., Aleatoric uncertainty estimation with test-time augmentation for medical image segmentation with
convolutional neural networks, Neurocomputing 338 (2019). Flips map voxels onto voxels, so their inverse is exact.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import torch


def every_flip(spatial_dims: int) -> list[tuple[int, ...]]:
    """All sets of spatial axes to mirror along, none first: 8 in three dimensions."""
    axes = range(spatial_dims)
    return [found for count in range(spatial_dims + 1) for found in combinations(axes, count)]


def flipped_answers(
    function: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor, flips: Sequence[tuple[int, ...]]
) -> Iterator[torch.Tensor]:
    """What a function makes of every mirror image, mirrored back.

    Args:
        function: From (C, *spatial) to (R, *spatial), or to (R) where it says something of the whole image.
        image: (C, *spatial).
        flips: Spatial axes, counted from 0, of each mirror image.
    """
    for axes in flips:
        dimensions = [axis + 1 for axis in axes]
        answer = function(torch.flip(image, dimensions) if axes else image)
        yield torch.flip(answer, dimensions) if axes and answer.ndim == image.ndim else answer
