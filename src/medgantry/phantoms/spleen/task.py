"""Writing the task folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.phantoms.decathlon import DAMAGES, turn, write_image, write_label, write_stray_file
from medgantry.phantoms.spleen.abdomen import draw_abdomen
from medgantry.phantoms.spleen.settings import Settings, Size
from medgantry.phantoms.written import is_written, write_settings

UNLABELLED = 2
"""Test images without label; readers that train must leave them out."""

_ORIENTATIONS = ("RAS", "LPS", "LAS")


def write_task(
    folder: Path, *, cases: int = 24, broken: int = 0, seed: int = 0, size: Size = (64, 64, 40)
) -> None:
    """Write a task folder; do nothing when it already holds the one these settings describe.

    Args:
        folder: The task folder; it is made when it does not exist.
        cases: Number of labelled cases, the broken ones included.
        broken: How many cases at the end of the list are damaged, cycling over DAMAGES.
        seed: A case depends on the seed and its own number, not on how many cases there are.
        size: Voxels along x, y, z.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: The folder holds something else.
    """
    settings = Settings(cases=cases, broken=broken, seed=seed, size=size)
    description = folder / "dataset.json"
    if is_written(folder, settings.document(), description):
        return
    write_settings(folder, settings.document())
    for name in ("imagesTr", "labelsTr", "imagesTs"):
        (folder / name).mkdir(exist_ok=True)
    for position in range(cases):
        damaged = position - (cases - broken)
        damage = DAMAGES[damaged % len(DAMAGES)] if damaged >= 0 else None
        image, label, affine = _draw_case(_labelled(position), settings)
        write_image(folder / "imagesTr" / _file_name(_labelled(position)), image, affine, damage)
        write_label(folder / "labelsTr" / _file_name(_labelled(position)), label, affine, damage)
    for position in range(UNLABELLED):
        image, _, affine = _draw_case(_unlabelled(position), settings)
        write_image(folder / "imagesTs" / _file_name(_unlabelled(position)), image, affine)
    write_stray_file(folder / "imagesTr" / _file_name(_labelled(0)))
    description.write_text(json.dumps(_description(cases), indent=2) + "\n", encoding="utf-8")


def _labelled(position: int) -> int:
    """The number of a labelled case: like the Decathlon's they are not consecutive (2, 3, 5, 6, 8, ...)."""
    return 2 + position + position // 2


def _unlabelled(position: int) -> int:
    """The number of a test image: those that labelled cases leave out (1, 4, 7, ...)."""
    return 1 + 3 * position


def _file_name(number: int) -> str:
    return f"spleen_{number}.nii.gz"


def _description(cases: int) -> dict[str, Any]:
    """The contents of dataset.json, with the Decathlon's own spellings."""
    names = [_file_name(_labelled(position)) for position in range(cases)]
    return {
        "name": "Spleen",
        "description": "Synthetic phantom in the format of the Decathlon's spleen task; no patient data",
        "reference": "medgantry.phantoms.spleen",
        "licence": "Apache-2.0 (synthetic)",
        "release": "1.0",
        "tensorImageSize": "3D",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "spleen"},
        "numTraining": cases,
        "numTest": UNLABELLED,
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names],
        "test": [f"./imagesTs/{_file_name(_unlabelled(position))}" for position in range(UNLABELLED)],
    }


def _draw_case(
    number: int, settings: Settings
) -> tuple[NDArray[np.int16], NDArray[np.uint8], NDArray[np.float64]]:
    """Draw a case: image and label (i, j, k) and their affine, axes in one of several orientations."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((settings.seed, number))))
    in_plane, slices = rng.uniform(1.5, 2.0), rng.uniform(2.0, 3.5)
    spacing = np.array([in_plane, in_plane, slices]).round(2)
    image, label = draw_abdomen(rng, settings.size, spacing)
    upright = np.diag([*spacing, 1.0])
    upright[:3, 3] = (-spacing * np.array(settings.size) / 2 + rng.uniform(2.0, 12.0, size=3)).round(2)
    orientation = _ORIENTATIONS[int(rng.integers(len(_ORIENTATIONS)))]
    turned, affine = turn(image, upright, orientation)
    return turned, turn(label, upright, orientation)[0], affine
