"""`RandomScaleIntensity` and `RandomShiftIntensity`: brighter or darker."""

from collections.abc import Sequence

import torch

from medgantry.augmentation.random_transform import Parameters, RandomTransform, per_sample, uniform


class RandomScaleIntensity(RandomTransform):
    """v * (1 + factor), as MONAI's `RandScaleIntensity`.

    Args:
        keys: Images.
        prob: Share of samples [1].
        factors: Range of the factor [1].
    """

    def __init__(self, keys: str | Sequence[str], prob: float, factors: Sequence[float]) -> None:
        super().__init__(keys, prob)
        self.factors = tuple(factors)

    def decide(self, generator: torch.Generator) -> Parameters:
        """The factor."""
        return {"factor": uniform(generator, self.factors)}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The scaled samples."""
        return tensor * (1 + per_sample(parameters["factor"], tensor))


class RandomShiftIntensity(RandomTransform):
    """v + offset, as MONAI's `RandShiftIntensity`.

    Args:
        keys: Images.
        prob: Share of samples [1].
        offsets: Range of the offset, in the image's own unit.
    """

    def __init__(self, keys: str | Sequence[str], prob: float, offsets: Sequence[float]) -> None:
        super().__init__(keys, prob)
        self.offsets = tuple(offsets)

    def decide(self, generator: torch.Generator) -> Parameters:
        """The offset."""
        return {"offset": uniform(generator, self.offsets)}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The shifted samples."""
        return tensor + per_sample(parameters["offset"], tensor)
