"""`RandomFlip`: mirroring along one axis."""

from collections.abc import Sequence

import torch

from medgantry.augmentation.random_transform import Parameters, RandomTransform


class RandomFlip(RandomTransform):
    """Mirror along a spatial axis, as MONAI's `RandFlip`.

    Args:
        keys: Tensors that are flipped together.
        prob: Share of samples [1].
        spatial_axis: 0 is i, 1 is j, 2 is k.
    """

    def __init__(self, keys: str | Sequence[str], prob: float, spatial_axis: int) -> None:
        super().__init__(keys, prob)
        self.spatial_axis = spatial_axis

    def decide(self, generator: torch.Generator) -> Parameters:
        """Nothing but whether."""
        return {}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The mirrored samples."""
        return tensor.flip(2 + self.spatial_axis)
