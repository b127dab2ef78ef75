"""A network that looks at two images and says how far every voxel has moved."""

import torch
from monai.networks.blocks.regunet_block import RegistrationExtractionBlock
from monai.networks.nets import RegUNet


class _SinglePrecision(RegistrationExtractionBlock):  # type: ignore[misc]
    """MONAI's, in single precision: in half precision ten voxels and a fiftieth are ten, which bends space."""

    def forward(self, x: list[torch.Tensor], image_size: list[int]) -> torch.Tensor:
        with torch.autocast(x[0].device.type, enabled=False):
            displacement: torch.Tensor = super().forward([level.float() for level in x], image_size)
        return displacement


class DisplacementNet(RegUNet):  # type: ignore[misc]
    """MONAI's RegUNet, for images of any size, with a displacement that is smooth and starts at none.

    The displacement is the mean of those read off several levels of the decoder, enlarged linearly: RegUNet's own way,
    by nearest neighbours, tears space at the borders of the enlarged voxels. The output layers start at 0, so that an
    untrained network leaves every voxel where it is.

    Source: Hu et al., Weakly-supervised convolutional neural networks for multimodal image registration, Medical Image
    Analysis 49 (2018), doi:10.1016/j.media.2018.07.002.

    Args:
        channels: Features at full resolution; each level below has twice as many.
        depth: Levels below full resolution.
        finest: The finest level that a displacement is read off: 0 is full resolution, 1 half of it.
    """

    def __init__(self, channels: int, depth: int, finest: int = 1) -> None:
        self._multiple = 2**depth
        super().__init__(
            spatial_dims=3,
            in_channels=2,
            num_channel_initial=channels,
            depth=depth,
            out_kernel_initializer="zeros",
            out_channels=3,
            extract_levels=tuple(range(finest, depth + 1)),
        )

    def build_output_block(self) -> torch.nn.Module:
        """The layers that read displacements off; called by RegUNet's constructor."""
        return _SinglePrecision(
            spatial_dims=self.spatial_dims,
            extract_levels=self.extract_levels,
            num_channels=self.num_channels,
            out_channels=self.out_channels,
            kernel_initializer=self.out_kernel_initializer,
            activation=self.out_activation,
            mode="trilinear",
            align_corners=False,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Displacement (B, 3, i, j, k) in voxels, of fixed and moving image (B, 2, i, j, k)."""
        sizes = x.shape[2:]
        missing = [-size % self._multiple for size in reversed(sizes)]
        padded = torch.nn.functional.pad(x, [part for gap in missing for part in (0, gap)], mode="replicate")
        displacement: torch.Tensor = super().forward(padded)
        return displacement[..., : sizes[0], : sizes[1], : sizes[2]]
