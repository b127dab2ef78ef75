"""Validation of a classification: AUC of every class against the others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medgantry.errors import InvalidInput
from medgantry.evaluation.classification.auc import auc
from medgantry.evaluation.classification.calibration import negative_log_likelihood
from medgantry.evaluation.classification.temperature import apply_temperature
from medgantry.training.handlers.pictures import draw_classes
from medgantry.training.validation import Inferer, Rows


class ClassValidation:
    """Logits of every case, and what they are worth.

    Args:
        classes: The network's outputs.
        inferer: The bundle's.
        device: Where the network is.
    """

    metric = "val_auc_macro"

    def __init__(self, classes: Sequence[str], inferer: Inferer, device: torch.device) -> None:
        self._classes, self._inferer, self._device = classes, inferer, device

    def measure(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> list[dict[str, Any]]:
        """The case's class index and its logits."""
        logits = self._inferer(tensors["image"][None].to(self._device), network)
        values = torch.as_tensor(logits)[0].float().cpu().tolist()
        return [{"class_index": int(tensors["label"]), "logits": values}]

    def draw(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """The image beside what the network thinks it is."""
        network.eval()
        with torch.no_grad():
            (row,) = self.measure(network, tensors)
        probabilities = apply_temperature(np.array([row["logits"]]), 1.0)[0]
        draw_classes(
            path, tensors["image"].numpy(), self._classes[row["class_index"]], probabilities, self._classes
        )

    def scroll(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> bool:
        """Nothing: there is no mask to scroll through."""
        return False

    def summarise(self, rows: Rows) -> dict[str, float]:
        """AUC per class and their mean, balanced accuracy, log loss [nat]; a class without cases has no AUC."""
        reference, logits = as_arrays(rows)
        probabilities = apply_temperature(logits, 1.0)
        found = {
            name: auc(reference == index, probabilities[:, index]) for index, name in enumerate(self._classes)
        }
        areas = {name: value for name, value in found.items() if value is not None}
        result = {f"val_auc_{name}": value for name, value in areas.items()}
        if areas:
            result[self.metric] = float(np.mean(list(areas.values())))
        right = probabilities.argmax(axis=1) == reference
        recalls = [right[reference == index].mean() for index in np.unique(reference)]
        result["val_balanced_accuracy"] = float(np.mean(recalls))
        result["val_loss"] = float(np.mean(negative_log_likelihood(reference, probabilities)))
        return result


def as_arrays(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Class indices (n,) and logits (n, classes) of a validation's rows.

    Raises:
        InvalidInput: If a logit is not finite: the network diverged.
    """
    reference = np.array([row["class_index"] for row in rows], dtype=np.int64)
    logits = np.array([row["logits"] for row in rows], dtype=np.float64)
    diverged = [row["case_id"] for row in rows if not np.isfinite(row["logits"]).all()]
    if diverged:
        raise InvalidInput(
            f"The network's logits are not finite for {len(diverged)} of {len(rows)} validation cases, first for "
            f"{diverged[0]}.",
            "Lower the learning rate, or switch amp off.",
        )
    return reference, logits
