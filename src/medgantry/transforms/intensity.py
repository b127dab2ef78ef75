"""MONAI's `NormalizeIntensityd` of what is not background, without taking those voxels out and putting them back."""

import math
from typing import Any, Self

import monai.transforms
import numpy as np
import torch
from monai.data import MetaTensor


class NormalizeIntensity(monai.transforms.NormalizeIntensity):  # type: ignore[misc]
    """MONAI's `NormalizeIntensity`; ours is `nonzero` by the image's own mean and deviation, float32 on the CPU."""

    @classmethod
    def like(cls, theirs: monai.transforms.NormalizeIntensity) -> Self:
        """One with the settings of MONAI's."""
        ours = cls.__new__(cls)
        ours.__dict__.update(theirs.__dict__)
        return ours

    def __call__(self, img: Any) -> Any:
        """Normalise (C, i, j, k), in place as MONAI does."""
        if not (self.is_plain and isinstance(img, MetaTensor) and img.dtype == torch.float32) or img.is_cuda:
            return super().__call__(img)
        values = img.as_tensor()
        for part in values if self.channel_wise else [values]:
            _normalize(part)
        return img

    @property
    def is_plain(self) -> bool:
        """Whether the settings are those for which ours is proved equal to MONAI's."""
        return bool(
            self.nonzero
            and self.subtrahend is None
            and self.divisor is None
            and np.dtype(self.dtype) == np.float32
        )


class NormalizeIntensityd(monai.transforms.NormalizeIntensityd):  # type: ignore[misc]
    """MONAI's `NormalizeIntensityd`, with the same arguments, around our `NormalizeIntensity`."""

    normalizer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.normalizer = NormalizeIntensity.like(self.normalizer)

    @classmethod
    def like(cls, theirs: monai.transforms.NormalizeIntensityd) -> Self:
        """One with the settings of MONAI's."""
        ours = cls.__new__(cls)
        ours.__dict__.update(theirs.__dict__)
        ours.normalizer = NormalizeIntensity.like(theirs.normalizer)
        return ours


def _normalize(values: torch.Tensor) -> None:
    """Mean 0 and deviation 1 of what is not 0, in place; 0 stays 0."""
    background = values == 0
    count = values.numel() - int(background.sum())
    if not count:
        return
    values.sub_(float(values.sum()) / count).masked_fill_(background, 0.0)
    deviation = math.sqrt(float(values.square().sum()) / count)
    if deviation:
        values.div_(deviation)
