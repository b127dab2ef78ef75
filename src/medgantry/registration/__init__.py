"""Deformable registration as a bundle names it: the network, what it does to an image, and the loss.

The direction is that of MONAI's `Warp` and of Learn2Reg everywhere: the displacement lives on the fixed image's grid, and
the warped image at x is the moving image at x + u(x), u counted in voxels of that grid.
"""

from medgantry.registration.displacement_net import DisplacementNet
from medgantry.registration.loss import RegistrationLoss
from medgantry.registration.warping import warp

__all__ = ["DisplacementNet", "RegistrationLoss", "warp"]
