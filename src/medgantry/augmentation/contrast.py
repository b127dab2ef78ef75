"""`RandomContrast`: each channel spread about its mean."""

from collections.abc import Sequence

import torch

from medgantry.augmentation.random_transform import Parameters, RandomTransform, per_sample, uniform


class RandomContrast(RandomTransform):
    """Distance from the channel's mean times a factor, cut to the range that the channel had.

    Source: nnU-Net's augmentation (Isensee et al., Nature Methods 2021, supplementary note 2).

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
        """The samples with more or less contrast."""
        space = list(range(2, tensor.ndim))
        mean = tensor.mean(space, keepdim=True)
        spread = mean + (tensor - mean) * per_sample(parameters["factor"], tensor)
        return torch.clamp(spread, tensor.amin(space, keepdim=True), tensor.amax(space, keepdim=True))
