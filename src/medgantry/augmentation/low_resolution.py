"""`RandomLowResolution`: as if scanned with larger voxels."""

from collections.abc import Sequence

import torch

from medgantry.augmentation.axis_matrices import along_axes
from medgantry.augmentation.random_transform import Parameters, RandomTransform, uniform
from medgantry.errors import InvalidBundle


class RandomLowResolution(RandomTransform):
    """Sample down by nearest neighbour and up again linearly, as MONAI's `RandSimulateLowResolution`.

    Args:
        keys: Images.
        prob: Share of samples [1].
        zoom: Range of low resolution / resolution, the same along all axes, above 0 and at most 1 [1].
    """

    def __init__(self, keys: str | Sequence[str], prob: float, zoom: Sequence[float]) -> None:
        super().__init__(keys, prob)
        if not 0 < min(zoom) <= max(zoom) <= 1:
            raise InvalidBundle(f"RandomLowResolution needs a zoom above 0 and at most 1, got {list(zoom)}.")
        self.zoom = tuple(zoom)

    def decide(self, generator: torch.Generator) -> Parameters:
        """The zoom."""
        return {"zoom": uniform(generator, self.zoom)}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The coarser samples."""
        zoom = parameters["zoom"]
        return along_axes(tensor, lambda length: coarsening_matrices(zoom, length))


def coarsening_matrices(zoom: torch.Tensor, length: int) -> torch.Tensor:
    """Down and up again in one map (B, length, length), each row of sum 1.

    Args:
        zoom: (B) [1].
        length: Of the axis [voxels].
    """
    coarse = torch.clamp(torch.round(zoom * length), min=1)[:, None]
    result = torch.arange(length, device=zoom.device)[None]
    position = torch.clamp((result + 0.5) * (coarse / length) - 0.5, min=0)
    lower = torch.floor(position)
    upper = torch.minimum(lower + 1, coarse - 1)
    share = position - lower
    matrices = torch.zeros(len(zoom), length, length, device=zoom.device)
    for knot, weight in ((lower, 1 - share), (upper, share)):
        source = torch.clamp(torch.floor(knot * (length / coarse)), max=length - 1)
        matrices += (source[..., None] == result) * weight[..., None]
    return matrices
