"""From a label map to one channel per named region."""

from collections.abc import Hashable, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform


class LabelsToRegionsd(MapTransform):  # type: ignore[misc]
    """Turn a label map (1, i, j, k) into regions (R, i, j, k), uint8, in the order of `regions`.

    Regions may overlap: whole tumour holds the core.

    Args:
        keys: The label maps.
        regions: Region name -> label codes.
    """

    def __init__(self, keys: Sequence[str] | str, regions: Mapping[str, Sequence[int]]) -> None:
        super().__init__(keys)
        self.regions = {name: list(codes) for name, codes in regions.items()}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Transform every key; affine and history stay."""
        result = dict(data)
        for key in self.key_iterator(result):
            label = result[key]
            plain = torch.as_tensor(label)[0].round()
            nowhere = torch.zeros_like(plain, dtype=torch.bool)
            channels = [
                reduce(torch.logical_or, (plain == code for code in codes), nowhere)
                for codes in self.regions.values()
            ]
            stacked = torch.stack(channels).to(torch.uint8)
            result[key] = MetaTensor(stacked, meta=label.meta) if isinstance(label, MetaTensor) else stacked
        return result
