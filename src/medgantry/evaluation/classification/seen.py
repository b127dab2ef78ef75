"""A photo as the network gets it, turned back into a picture, with what the network looked at."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medgantry.bundles.case_files import bring_case
from medgantry.cohort import Cohort
from medgantry.explain import draw_explanation
from medgantry.inference import Classifier

Method = Callable[[torch.nn.Module, torch.Tensor, int], NDArray[np.float32]]
"""From network, image (1, C, x, y) and class to a heat map (x, y) in [0, 1]."""


def bring_photo(model: Classifier, cohort: Cohort, case_id: str, scratch: Path) -> Path:
    """A case's photo, as the bundle takes it."""
    item = bring_case(cohort.files_of[case_id], model.bundle, scratch)
    assert isinstance(item["image"], Path)
    return item["image"]


def draw_seen(
    model: Classifier, photo: Path, answered: str, methods: Mapping[str, Method], path: Path, title: str
) -> None:
    """Draw a photo as PNG, and beside it what each method says of the class that was answered.

    Raises:
        InvalidBundle: If a method does not work for this network.
    """
    prepared = model.loaded.prepare(photo)
    tensor, index = prepared[None].to(model.loaded.device), model.bundle.outputs.index(answered)
    heats = {name: method(model.loaded.network, tensor, index) for name, method in methods.items()}
    draw_explanation(path, as_seen(prepared), {name: as_picture(heat) for name, heat in heats.items()}, title)


def as_seen(prepared: torch.Tensor) -> NDArray[np.uint8]:
    """The network's input as a picture, stretched to the full range.

    Args:
        prepared: (1 or 3, x, y): MONAI reads photos with the axes in this order.

    Returns:
        (rows, columns, RGB).
    """
    values = torch.as_tensor(prepared).double().numpy().transpose(2, 1, 0)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low or 1.0)
    picture = np.rint(scaled * 255).astype(np.uint8)
    return picture if picture.shape[2] == 3 else np.repeat(picture[..., :1], 3, axis=2)


def as_picture(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map over (x, y) as one over (rows, columns)."""
    return np.ascontiguousarray(heat.T)
