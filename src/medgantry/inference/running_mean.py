"""A weighted mean of tensors that holds one of them at a time.

Source: West, Updating mean and variance estimates: an improved method, Communications of the ACM 22 (1979).
"""

import torch


class RunningMean:
    """Weighted mean; equal tensors give that tensor, bit for bit."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._mean: torch.Tensor | None = None

    def add(self, value: torch.Tensor, weight: float = 1.0) -> None:
        """Add a tensor of the same shape as those before; its weight is above 0."""
        self._weight += weight
        if self._mean is None:
            self._mean = value
        else:
            self._mean = self._mean + (value - self._mean) * (weight / self._weight)

    @property
    def value(self) -> torch.Tensor:
        """The mean.

        Raises:
            ValueError: If nothing was added.
        """
        if self._mean is None:
            raise ValueError("A mean needs at least one tensor.")
        return self._mean
