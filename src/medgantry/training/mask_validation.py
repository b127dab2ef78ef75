"""Validation of a segmentation: Dice of every region."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle
from medgantry.evaluation.segmentation.dice import dice
from medgantry.training.handlers.pictures import draw_masks
from medgantry.training.handlers.scroll import draw_scroll
from medgantry.training.validation import Inferer, Postprocessing, Rows


class MaskValidation:
    """Dice of every case and region, on the network's own grid.

    Args:
        bundle: Whose outputs are the regions.
        inferer: The bundle's.
        postprocessing: The bundle's, which may change the label too.
        device: Where the network is.
    """

    metric = "val_dice_mean"

    def __init__(
        self, bundle: Bundle, inferer: Inferer, postprocessing: Postprocessing, device: torch.device
    ) -> None:
        self._bundle, self._regions = bundle, bundle.outputs
        self._inferer, self._postprocessing, self._device = inferer, postprocessing, device

    def measure(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> list[dict[str, Any]]:
        """Region and Dice [1], from whole voxel counts."""
        predicted, reference = self.masks(network, tensors)
        return [
            {"region": region, "dice": dice(predicted[region], reference[region])} for region in self._regions
        ]

    def masks(
        self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, NDArray[np.bool_]], dict[str, NDArray[np.bool_]]]:
        """Prediction and reference of a case: region -> mask (i, j, k)."""
        logits = self._inferer(tensors["image"][None].to(self._device), network)
        done = self._postprocessing({**tensors, "pred": torch.as_tensor(logits)[0].float().cpu()})
        return self._split(done["pred"], "pred"), self._split(done["label"], "label")

    def draw(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Outlines of all regions on the slice with most of them."""
        draw_masks(path, *self._stacked(network, tensors))

    def scroll(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> bool:
        """Outlines of all regions on every slice; photos have none."""
        if tensors["image"].ndim < 4:
            return False
        draw_scroll(path, *self._stacked(network, tensors))
        return True

    def _stacked(
        self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Image (C, ...), reference and prediction (R, ...)."""
        network.eval()
        with torch.no_grad():
            predicted, reference = self.masks(network, tensors)
        stacks = [np.stack([masks[region] for region in self._regions]) for masks in (reference, predicted)]
        return tensors["image"].numpy(), stacks[0], stacks[1]

    def _split(self, values: Any, name: str) -> dict[str, NDArray[np.bool_]]:
        """Masks by region, of one channel per output or of a map of codes, which are the outputs' numbers."""
        array = torch.as_tensor(values).cpu().numpy()
        channels = self._bundle.channels_out
        if len(array) == len(channels):
            found = {channel: array[index] > 0 for index, channel in enumerate(channels)}
        elif len(array) == 1 and len(channels) > len(self._regions):
            found = {channel: array[0] == index for index, channel in enumerate(channels)}
        else:
            raise InvalidBundle(
                f"After post-processing {name} has {len(array)} channels, metadata.json names {channels}.",
                "Name the network's channels in network_data_format#outputs#pred#channel_def.",
            )
        return {region: found[region] for region in self._regions}

    def summarise(self, rows: Rows) -> dict[str, float]:
        """Mean over cases per region, then over regions."""
        means = {
            f"val_dice_{region}": float(np.mean([row["dice"] for row in rows if row["region"] == region]))
            for region in self._regions
        }
        return {**means, self.metric: float(np.mean(list(means.values())))}
