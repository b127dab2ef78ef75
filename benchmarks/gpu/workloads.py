"""The networks that are measured, with random batches of their size."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from monai.losses import DiceCELoss, DiceLoss
from monai.networks.nets import DynUNet, SegResNet, UNet


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network, its loss, and the shape of its batches."""

    network: Callable[[], torch.nn.Module]
    loss: Callable[[], torch.nn.Module]
    channels: int
    regions: int
    shape: tuple[int, int, int]
    batch_size: int

    def batch(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Random images (B, C, i, j, k) and region masks (B, R, i, j, k), float32."""
        images = torch.randn(self.batch_size, self.channels, *self.shape, device=device)
        labels = torch.rand(self.batch_size, self.regions, *self.shape, device=device)
        return images, (labels > 0.9).float()

    def tiny(self) -> "Workload":
        """The same network on almost no voxels."""
        return replace(self, shape=(64, 32, 32), batch_size=1)


def _unet() -> torch.nn.Module:
    channels, strides = (16, 32, 64, 128, 256), (2, 2, 2, 2)
    return UNet(
        spatial_dims=3, in_channels=4, out_channels=3, channels=channels, strides=strides, num_res_units=2
    )


def _segresnet() -> torch.nn.Module:
    return SegResNet(spatial_dims=3, in_channels=4, out_channels=3, init_filters=16)


def _plain_unet() -> torch.nn.Module:
    """The topology of nnU-Net's PlainConvUNet for 128^3: six stages, two convolutions each."""
    return DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=3,
        kernel_size=[3] * 6,
        strides=[1, 2, 2, 2, 2, 2],
        upsample_kernel_size=[2] * 5,
        filters=[32, 64, 128, 256, 320, 320],
        norm_name=("INSTANCE", {"affine": True}),
    )


def _dice() -> torch.nn.Module:
    return DiceLoss(sigmoid=True, squared_pred=True, smooth_nr=0, smooth_dr=1e-5)


WORKLOADS = {
    "aws_unet": Workload(
        network=_unet, loss=_dice, channels=4, regions=3, shape=(128, 128, 64), batch_size=16
    ),
    "segresnet": Workload(
        network=_segresnet, loss=_dice, channels=4, regions=3, shape=(128, 128, 128), batch_size=1
    ),
    "plain_unet": Workload(
        network=_plain_unet,
        loss=lambda: DiceCELoss(sigmoid=True),
        channels=1,
        regions=3,
        shape=(128, 128, 128),
        batch_size=2,
    ),
}


def workload(name: str, tiny: bool) -> Workload:
    """One of `WORKLOADS`."""
    return WORKLOADS[name].tiny() if tiny else WORKLOADS[name]
