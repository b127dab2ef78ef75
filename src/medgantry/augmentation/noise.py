"""`RandomGaussianNoise`: independent noise in every voxel."""

from collections.abc import Sequence

import torch

from medgantry.augmentation.noise_field import standard_normal
from medgantry.augmentation.random_transform import Parameters, RandomTransform, per_sample, uniform


class RandomGaussianNoise(RandomTransform):
    """Add Gaussian noise of mean 0.

    Args:
        keys: Images.
        prob: Share of samples [1].
        std: Range of the standard deviation, in the image's own unit.
    """

    def __init__(self, keys: str | Sequence[str], prob: float, std: Sequence[float]) -> None:
        super().__init__(keys, prob)
        self.std = tuple(std)

    def decide(self, generator: torch.Generator) -> Parameters:
        """Standard deviation, and the seed of the noise (2)."""
        limits = torch.iinfo(torch.int32)
        seed = torch.randint(limits.min, limits.max, (2,), generator=generator, dtype=torch.int32)
        return {"std": uniform(generator, self.std), "seed": seed}

    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The noisy samples."""
        noise = standard_normal(parameters["seed"], tensor[0].numel()).reshape(tensor.shape)
        return tensor + per_sample(parameters["std"], tensor) * noise.to(tensor.dtype)
