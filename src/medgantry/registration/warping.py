"""Moving images by a displacement field."""

import warnings

import torch
from monai.networks.blocks import Warp


def warp(volumes: torch.Tensor, displacement: torch.Tensor, *, nearest: bool = False) -> torch.Tensor:
    """What a moving image looks like on the fixed image's grid; beyond its border, its border.

    Args:
        volumes: (B, C, i, j, k), of the moving image.
        displacement: (B, 3, i, j, k), what to add to a fixed voxel's indices to get to the moving image.
        nearest: For masks, whose values must not be mixed; without gradient. Else linear.

    Returns:
        (B, C, i, j, k).
    """
    with warnings.catch_warnings():  # Warp tells, each time, that it is not the compiled one
        warnings.simplefilter("ignore", UserWarning)
        layer = Warp(mode="nearest" if nearest else "bilinear", padding_mode="border")
    warped: torch.Tensor = layer(volumes, displacement)
    return warped
