"""`RandomAffine`: rotation and zoom about the centre of the grid."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch.nn.functional import affine_grid, grid_sample

from medgantry.augmentation.random_transform import Parameters, RandomTransform, uniform
from medgantry.errors import InvalidBundle


class RandomAffine(RandomTransform):
    """Rotate and zoom about the centre, in one resampling; what comes from outside the grid is 0.

    Angles are those of voxel coordinates, as in MONAI's `RandAffine`: on voxels that are no cubes a rotation distorts.

    Args:
        modes: Key -> `bilinear` (in 3-D: of eight neighbours) for images, or `nearest` for labels.
        prob: Share of samples [1].
        rotation: Greatest angle about each axis i, j, k, or one for images (i, j) [radians].
        zoom: Range of the magnification, the same along all axes [1]; above 1 enlarges.
    """

    def __init__(
        self, modes: Mapping[str, str], prob: float, rotation: Sequence[float], zoom: Sequence[float]
    ) -> None:
        super().__init__(tuple(modes), prob)
        wrong = {key: mode for key, mode in modes.items() if mode not in ("bilinear", "nearest")}
        if wrong or len(rotation) not in (1, 3):
            raise InvalidBundle(
                f"RandomAffine takes bilinear or nearest for each key and 1 or 3 angles, "
                f"got {dict(modes)} and {list(rotation)}."
            )
        if min(zoom) <= 0:
            raise InvalidBundle(f"RandomAffine needs a zoom above 0, got {list(zoom)}.")
        self.modes, self.rotation, self.zoom = dict(modes), tuple(rotation), tuple(zoom)

    def decide(self, generator: torch.Generator) -> Parameters:
        """Angles (1 or 3) [radians], zoom, and the matrix from offsets in the result to offsets in the source."""
        shares = uniform(generator, (-1, 1), [len(self.rotation)])
        angles = shares * torch.tensor(self.rotation)
        zoom = uniform(generator, self.zoom)
        return {"rotation": angles, "zoom": zoom, "matrix": rotation_matrix(angles.tolist()) / zoom}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The resampled samples.

        Raises:
            InvalidBundle: If the samples have other spatial axes than the angles.
        """
        shape, matrix = tensor.shape[2:], parameters["matrix"]
        if matrix.shape[-1] != len(shape):
            raise InvalidBundle(
                f"RandomAffine has {len(self.rotation)} angles, and {key!r} has {len(shape)} spatial axes.",
                "Give 3 angles for volumes and 1 for images.",
            )
        # The grid's own coordinates: from -1 to 1 along each axis, the last axis first.
        ratios = torch.tensor([[columns / rows for columns in shape] for rows in shape])
        theta = (matrix * ratios.to(tensor.device, non_blocking=True)).flip(1, 2)
        grid = affine_grid(
            torch.cat([theta, torch.zeros_like(theta[..., :1])], -1), list(tensor.shape), align_corners=False
        )
        sampled = grid_sample(tensor.float(), grid, mode=self.modes[key], align_corners=False)
        return sampled.to(tensor.dtype)


def rotation_matrix(angles: Sequence[float]) -> torch.Tensor:
    """About axis i, then j, then k (3 angles), or in the plane (1): (3, 3) or (2, 2), as MONAI's `create_rotate`."""
    turns = [torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]) for a in angles]
    if len(turns) == 1:
        return turns[0]
    matrix = torch.eye(3)
    for axis, turn in enumerate(turns):
        # About j the turn goes from k to i: the other way round than rows and columns are numbered.
        plane = [other for other in range(3) if other != axis]
        about = torch.eye(3)
        about[torch.tensor(plane)[:, None], torch.tensor(plane)] = turn.T if axis == 1 else turn
        matrix = matrix @ about
    return matrix
