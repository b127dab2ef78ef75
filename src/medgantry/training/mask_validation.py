"""Validation of a segmentation: Dice of every region."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from medgantry.evaluation.segmentation.dice import dice
from medgantry.training.validation import Inferer, Postprocessing, Rows


class MaskValidation:
    """Dice of every case and region.

    Args:
        regions: The network's outputs.
        inferer: The bundle's.
        postprocessing: The bundle's.
        device: Where the network is.
    """

    metric = "val_dice_mean"

    def __init__(
        self,
        regions: Sequence[str],
        inferer: Inferer,
        postprocessing: Postprocessing,
        device: torch.device,
    ) -> None:
        self._regions, self._inferer, self._postprocessing = regions, inferer, postprocessing
        self._device = device

    def measure(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> list[dict[str, Any]]:
        """Region and Dice [1], from whole voxel counts."""
        logits = self._inferer(tensors["image"][None].to(self._device), network)
        mask = self._postprocessing({"pred": torch.as_tensor(logits)[0].float().cpu()})["pred"]
        predicted = torch.as_tensor(mask).numpy() > 0
        reference = tensors["label"].numpy() > 0
        return [
            {"region": region, "dice": dice(predicted[index], reference[index])}
            for index, region in enumerate(self._regions)
        ]

    def summarise(self, rows: Rows) -> dict[str, float]:
        """Mean over cases per region, then over regions."""
        means = {
            f"val_dice_{region}": float(np.mean([row["dice"] for row in rows if row["region"] == region]))
            for region in self._regions
        }
        return {**means, self.metric: float(np.mean(list(means.values())))}
