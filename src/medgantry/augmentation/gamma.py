"""`RandomGamma`: intensities bent by a power."""

from collections.abc import Sequence

import torch

from medgantry.augmentation.random_transform import Parameters, RandomTransform, per_sample, uniform


class RandomGamma(RandomTransform):
    """Each channel's range to the power gamma: on a single channel as MONAI's `RandAdjustContrast`.

    Args:
        keys: Images.
        prob: Share of samples [1].
        gamma: Range of the power [1].
        invert_image: Bend the dark end instead of the bright one.
        retain_stats: Give each channel back the mean and standard deviation that it had.
    """

    def __init__(
        self,
        keys: str | Sequence[str],
        prob: float,
        gamma: Sequence[float],
        invert_image: bool = False,
        retain_stats: bool = False,
    ) -> None:
        super().__init__(keys, prob)
        self.gamma, self.invert_image, self.retain_stats = tuple(gamma), invert_image, retain_stats

    def decide(self, generator: torch.Generator) -> Parameters:
        """The power."""
        return {"gamma": uniform(generator, self.gamma)}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The bent samples."""
        space = list(range(2, tensor.ndim))
        sign = -1 if self.invert_image else 1
        source = sign * tensor
        low = source.amin(space, keepdim=True)
        extent = source.amax(space, keepdim=True) - low
        shares = (source - low) / (extent + 1e-7)  # a constant channel has no extent
        bent = shares ** per_sample(parameters["gamma"], tensor) * extent + low
        if self.retain_stats:
            centred = bent - bent.mean(space, keepdim=True)
            ratio = source.std(space, keepdim=True) / (bent.std(space, keepdim=True) + 1e-8)
            bent = centred * ratio + source.mean(space, keepdim=True)
        return sign * bent
