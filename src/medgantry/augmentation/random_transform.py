"""`RandomTransform`: what a transform draws for a sample, and what it does with what was drawn."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch

from medgantry.errors import InvalidBundle

Parameters = Mapping[str, torch.Tensor]
"""What was drawn, by name. For one sample: on the CPU. For a batch: stacked along a first axis, on its device."""


class RandomTransform(ABC):
    """A random transform of a batch.

    Args:
        keys: Tensors of the batch that it changes.
        prob: Share of samples that it is applied to [1].
    """

    def __init__(self, keys: str | Sequence[str], prob: float) -> None:
        if not 0 <= prob <= 1:
            raise InvalidBundle(f"{type(self).__name__} needs a prob from 0 to 1, got {prob}.")
        self.keys = (keys,) if isinstance(keys, str) else tuple(keys)
        self.prob = prob

    def draw(self, generator: torch.Generator) -> Parameters | None:
        """One sample's parameters, or None where it is left as it is.

        As many numbers are drawn either way: what follows does not depend on `prob`.
        """
        applies = bool(uniform(generator, (0, 1)) < self.prob)
        parameters = self.decide(generator)
        return parameters if applies else None

    @abstractmethod
    def decide(self, generator: torch.Generator) -> Parameters:
        """One sample's parameters, on the CPU."""

    @abstractmethod
    def apply(self, key: str, tensor: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """The transformed samples, in new memory.

        Args:
            key: Which of `keys` this is.
            tensor: (B, C, i, j, k) or (B, C, i, j).
            parameters: Each with a first axis of B.
        """


def uniform(generator: torch.Generator, bounds: Sequence[float], size: Sequence[int] = ()) -> torch.Tensor:
    """Float32 numbers of [low, high)."""
    low, high = bounds
    if not low <= high:
        raise InvalidBundle(f"A range must be given as [low, high], got {list(bounds)}.")
    return low + (high - low) * torch.rand(tuple(size), generator=generator)


def per_sample(values: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """Values (B) in a shape that broadcasts against a tensor (B, ...), in its type."""
    return values.to(tensor.dtype).reshape(-1, *[1] * (tensor.ndim - 1))
