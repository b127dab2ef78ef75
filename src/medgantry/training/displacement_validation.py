"""Validation of a registration: overlap of the masks, and how much of space folds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medgantry.evaluation.registration.folding import regularity
from medgantry.evaluation.registration.picture import draw_registration
from medgantry.evaluation.segmentation.dice import dice
from medgantry.registration import warp
from medgantry.training.handlers.scroll import draw_scroll
from medgantry.training.validation import Inferer, Rows

_NAMES = ("dice", "dice_before", "folded_share")


class DisplacementValidation:
    """Dice of every pair's masks before and after, on the network's grid, and the share of it that folds.

    Tensors are `image` (fixed, moving) and, where there are masks, `mask` (fixed, moving), each (2, i, j, k).

    Args:
        inferer: The bundle's.
        device: Where the network is.
    """

    metric = "val_dice"

    def __init__(self, inferer: Inferer, device: torch.device) -> None:
        self._inferer, self._device = inferer, device

    def measure(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> list[dict[str, Any]]:
        """One row."""
        displacement = self._displacement(network, tensors)
        row = {"folded_share": regularity(displacement[0].numpy()).folded_share}
        if "mask" in tensors:
            fixed, moving = (tensors["mask"][index : index + 1].numpy() > 0 for index in (0, 1))
            row["dice_before"] = dice(moving, fixed)
            row["dice"] = dice(_warped_mask(tensors, displacement), fixed)
        return [row]

    def draw(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Both images over each other, before and after."""
        network.eval()
        with torch.no_grad():
            warped = warp(tensors["image"][None, 1:].float(), self._displacement(network, tensors))
        fixed, moving = tensors["image"].float().numpy()
        draw_registration(path, fixed, moving, warped[0, 0].numpy(), "")

    def scroll(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> bool:
        """Outlines of the fixed and of the warped moving mask on every slice of the fixed image."""
        if "mask" not in tensors:
            return False
        network.eval()
        with torch.no_grad():
            warped = _warped_mask(tensors, self._displacement(network, tensors))
        draw_scroll(path, tensors["image"][:1].float().numpy(), tensors["mask"][:1].numpy() > 0, warped)
        return True

    def summarise(self, rows: Rows) -> dict[str, float]:
        """Means over cases; without masks there is no Dice, and so no best epoch but the last."""
        measured = {name: [row[name] for row in rows if name in row] for name in _NAMES}
        return {f"val_{name}": float(np.mean(values)) for name, values in measured.items() if values}

    def _displacement(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(1, 3, i, j, k), on the CPU."""
        found = self._inferer(tensors["image"][None].to(self._device), network)
        return torch.as_tensor(found).float().cpu()


def _warped_mask(tensors: Mapping[str, torch.Tensor], displacement: torch.Tensor) -> Any:
    """(1, i, j, k), the moving mask on the fixed image's grid."""
    return warp(tensors["mask"][None, 1:].float(), displacement, nearest=True)[0].numpy() > 0
