"""The folder: images, masks and keypoints of every pair, and the list of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.phantoms.decathlon import turn, write_image
from medgantry.phantoms.lung_pairs.breathing import Breathing
from medgantry.phantoms.lung_pairs.chest import LUNG, Chest
from medgantry.phantoms.lung_pairs.settings import SPACING_MM, Settings, Size
from medgantry.phantoms.written import is_written, write_settings

NAME = "LungPhantom"
TRUTH = "truth.json"
KEYPOINTS = 60
"""Of a pair."""

_NOISE_HU = 25.0
_BREATHED_IN = LUNG - 60.0
"""HU of a lung that holds more air."""
_KEYPOINT_DEPTH_MM = 4.0
_ORIENTATIONS = ("RAS", "LPS")


def write_pairs(
    folder: Path, *, pairs: int = 24, damaged: int = 0, seed: int = 0, size: Size = (48, 48, 40)
) -> None:
    """Write a folder; do nothing when it already holds what these settings describe.

        LungPhantom_dataset.json     the pairs: fixed 0000 breathed out, moving 0001 breathed in
        imagesTr/ masksTr/           CTs in HU and lung masks, .nii.gz, both of a pair on one grid
        keypointsTr/                 CSV without a header: i, j, k in voxels, line by line the same places of the body
        truth.json                   damage of each pair, and how far its lungs move

    Args:
        folder: It is made when it does not exist.
        pairs: Number of listed pairs, the damaged ones included.
        damaged: How many pairs at the end of the list are damaged, cycling over DAMAGES.
        seed: A pair depends on the seed and its own number, not on how many pairs there are.
        size: Voxels along the three axes, to the right, anterior, superior.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: The folder holds another data set.
    """
    settings = Settings(pairs=pairs, damaged=damaged, seed=seed, size=size)
    if is_written(folder, settings.document(), folder / f"{NAME}_dataset.json"):
        return
    write_settings(folder, settings.document())
    for name in ("imagesTr", "masksTr", "keypointsTr"):
        (folder / name).mkdir(exist_ok=True)
    truth = {f"{NAME}_{number:04d}": _write_pair(folder, number, settings) for number in range(1, pairs + 1)}
    _write_json(folder / TRUTH, {"pairs": truth})
    _write_json(folder / f"{NAME}_dataset.json", _description(settings))


def _description(settings: Settings) -> dict[str, Any]:
    """What Learn2Reg's `*_dataset.json` says, with its own spellings."""
    stems = [f"{NAME}_{n:04d}_{state}" for n in range(1, settings.pairs + 1) for state in ("0000", "0001")]
    images = [f"./imagesTr/{stem}.nii.gz" for stem in stems]
    return {
        "name": NAME,
        "release": f"{settings.format}.0",
        "description": "Synthetic phantom in the layout of Learn2Reg's LungCT; no patient data",
        "licence": "Apache-2.0 (synthetic)",
        "reference": "medgantry.phantoms.lung_pairs",
        "pairings": "paired",
        "provided_data": {"0": ["image", "mask", "keypoints"]},
        "registration_direction": {"fixed": 0, "moving": 1},
        "modality": {"0": "CT"},
        "tensorImageSize": {"0": "3D"},
        "tensorImageShape": {"0": list(settings.size)},
        "numTraining": len(images),
        "numTest": 0,
        "training": [
            {
                "image": image,
                "mask": image.replace("imagesTr", "masksTr"),
                "keypoints": image.replace("imagesTr", "keypointsTr").replace(".nii.gz", ".csv"),
            }
            for image in images
        ],
        "test": [],
        "numPairedTraining": settings.pairs,
        "training_paired_images": [
            {"fixed": fixed, "moving": moving}
            for fixed, moving in zip(images[::2], images[1::2], strict=True)
        ],
        "registration_val": [],
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_pair(folder: Path, number: int, settings: Settings) -> dict[str, Any]:
    """Write the files of a pair; returns what truth.json says of it."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((settings.seed, number))))
    damage = settings.damage(number)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = -SPACING_MM * (np.array(settings.size) - 1) / 2
    voxels = np.indices(settings.size, dtype=np.float64).reshape(3, -1).T
    points: NDArray[np.float64] = voxels @ affine[:3, :3].T + affine[:3, 3]
    half = SPACING_MM * np.array(settings.size) / 2
    chest, breathing = Chest.draw(rng, half), Breathing.draw(rng, half)
    before = breathing.origin(points)
    keypoints = _keypoints(rng, chest, points)
    orientation = _ORIENTATIONS[int(rng.integers(len(_ORIENTATIONS)))]
    states = {
        "0000": (chest.hounsfield(points), chest.lungs(points) > 0, keypoints),
        "0001": (
            chest.hounsfield(before, lung=_BREATHED_IN),
            chest.lungs(before) > 0,
            keypoints + breathing.displacement(keypoints),
        ),
    }
    for state, (values, lungs, places) in states.items():
        stem = f"{NAME}_{number:04d}_{state}"
        noisy = (values + rng.normal(0, _NOISE_HU, size=len(values))).clip(-1024, 3071)
        image, stored = turn(noisy.reshape(settings.size).round().astype(np.int16), affine, orientation)
        mask, _ = turn(lungs.reshape(settings.size).astype(np.uint8), affine, orientation)
        if damage == "moving image on another grid" and state == "0001":
            image = image[:, :, :-2]
        if damage == "empty mask" and state == "0000":
            mask = np.zeros_like(mask)
        write_image(folder / f"imagesTr/{stem}.nii.gz", image, stored, _file_damage(damage, state))
        write_image(folder / f"masksTr/{stem}.nii.gz", mask, stored)
        indices = (places - stored[:3, 3]) @ np.linalg.inv(stored[:3, :3]).T
        np.savetxt(folder / f"keypointsTr/{stem}.csv", indices, delimiter=",", fmt="%.4f")
    moved = np.linalg.norm(breathing.displacement(keypoints), axis=1)
    return {"damage": damage, "keypoints_move_mm": round(float(moved.mean()), 3)}


def _file_damage(damage: str | None, state: str) -> str | None:
    """What `write_image` calls what is wrong with this image."""
    known = {
        ("missing moving image", "0001"): "missing image",
        ("truncated fixed image", "0000"): "truncated image",
    }
    return known.get((str(damage), state))


def _keypoints(rng: np.random.Generator, chest: Chest, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places deep enough in the lungs, off the voxels' centres: (KEYPOINTS, 3) mm."""
    inside = points[chest.lungs(points) > _KEYPOINT_DEPTH_MM]
    chosen = inside[rng.choice(len(inside), size=KEYPOINTS, replace=False)]
    places: NDArray[np.float64] = chosen + rng.uniform(-SPACING_MM / 2, SPACING_MM / 2, size=chosen.shape)
    return places
