"""`RandomGaussianBlur`: smoothing by a Gaussian."""

import math
from collections.abc import Sequence

import torch

from medgantry.augmentation.axis_matrices import along_axes
from medgantry.augmentation.random_transform import Parameters, RandomTransform, uniform
from medgantry.errors import InvalidBundle

TRUNCATE = 4.0
"""Standard deviations after which the Gaussian is cut, as in SciPy."""


class RandomGaussianBlur(RandomTransform):
    """Smooth, as SciPy's `gaussian_filter(mode="nearest")`: the border's value goes on outside.

    Args:
        keys: Images.
        prob: Share of samples [1].
        sigma: Range of the standard deviation, the same along all axes [voxels].
    """

    def __init__(self, keys: str | Sequence[str], prob: float, sigma: Sequence[float]) -> None:
        super().__init__(keys, prob)
        if min(sigma) <= 0:
            raise InvalidBundle(f"RandomGaussianBlur needs a sigma above 0, got {list(sigma)}.")
        self.sigma = tuple(sigma)

    def decide(self, generator: torch.Generator) -> Parameters:
        """The standard deviation [voxels]."""
        return {"sigma": uniform(generator, self.sigma)}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The smoothed samples."""
        sigma = parameters["sigma"]
        return along_axes(tensor, lambda length: smoothing_matrices(sigma, length, max(self.sigma)))


def smoothing_matrices(sigma: torch.Tensor, length: int, greatest: float) -> torch.Tensor:
    """Gaussian weights (B, length, length), each row of sum 1.

    Args:
        sigma: (B) [voxels].
        length: Of the axis [voxels].
        greatest: At least the greatest sigma, known on the host: it sets the shape.
    """
    reach = math.floor(TRUNCATE * greatest + 0.5)
    result = torch.arange(length, device=sigma.device)
    source = torch.arange(-reach, length + reach, device=sigma.device)
    distance = source[None, None, :] - result[None, :, None]
    width = sigma[:, None, None]
    weights = torch.exp(-0.5 * (distance / width) ** 2) * (
        distance.abs() <= torch.floor(TRUNCATE * width + 0.5)
    )
    weights = weights / weights.sum(-1, keepdim=True)
    inside = weights[..., reach : reach + length].clone()
    inside[..., 0] += weights[..., :reach].sum(-1)
    inside[..., -1] += weights[..., reach + length :].sum(-1)
    return inside
