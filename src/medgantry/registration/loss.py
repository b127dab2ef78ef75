"""What a displacement field should achieve: alike images, overlapping masks, and space that bends little."""

import torch

from medgantry.errors import InvalidInput
from medgantry.registration.bending import bending_energy
from medgantry.registration.warping import warp


class RegistrationLoss(torch.nn.Module):
    """The weighted sum of an image loss, a mask loss and the bending energy of the displacement.

    Source: Cardoso et al., MONAI: an open-source framework for deep learning in healthcare, arXiv 2211.02701, section 3.3.

    Args:
        image: Of (warped, fixed) images, such as local normalised cross-correlation at several scales.
        mask: Of (warped, fixed) masks, such as Dice at several scales; not asked where a pair has no masks.
        image_weight: Of the image loss.
        mask_weight: Of the mask loss.
        bending_weight: Of the bending energy.
    """

    def __init__(
        self,
        image: torch.nn.Module,
        mask: torch.nn.Module,
        image_weight: float,
        mask_weight: float,
        bending_weight: float,
    ) -> None:
        super().__init__()
        self.image, self.mask = image, mask
        self.image_weight, self.mask_weight, self.bending_weight = image_weight, mask_weight, bending_weight

    def forward(self, displacement: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        """Judge a displacement.

        Args:
            displacement: (B, 3, i, j, k), voxels.
            pair: (B, 2, i, j, k): fixed and moving image; or (B, 4, i, j, k): then their masks, 0 to 1.

        Raises:
            InvalidInput: If the pair has another number of channels.
        """
        if pair.shape[1] not in (2, 4):
            raise InvalidInput(
                f"A pair must have 2 channels (fixed, moving) or 4 (and both masks), got {pair.shape[1]}.",
                "Let the bundle's transforms concatenate the images, then the masks.",
            )
        # In single precision: variances are differences of large sums, and places of neighbouring voxels differ little.
        with torch.autocast(pair.device.type, enabled=False):
            return self._judge(displacement.float(), pair.float())

    def _judge(self, displacement: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        fixed, moving = pair[:, 0::2], pair[:, 1::2]
        warped = warp(moving, displacement)
        loss: torch.Tensor = self.image_weight * self.image(fixed[:, :1], warped[:, :1])
        if pair.shape[1] == 4:
            loss = loss + self.mask_weight * self.mask(fixed[:, 1:], warped[:, 1:])
        return loss + self.bending_weight * bending_energy(displacement)
