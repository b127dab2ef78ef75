"""A small synthetic stand-in for the Medical Segmentation Decathlon's Task01_BrainTumour.

Files, names, axes and data types are those of the Decathlon; the contents are made up. A tumour is told from
its surroundings by the *combination* of channels only: lesions that imitate it in one or two channels keep a
threshold on any single channel poor, so that a score well above it shows that a network has learnt.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medgantry.errors import InvalidInput
from medgantry.phantoms.decathlon import DAMAGES, turn, write_image, write_label, write_stray_file
from medgantry.phantoms.fields import ellipsoid_distance, smooth_noise
from medgantry.phantoms.written import is_written, write_settings

Volume = NDArray[np.float64]
Mask = NDArray[np.bool_]
Size = tuple[int, int, int]

CHANNELS = ("FLAIR", "T1w", "t1gd", "T2w")
EDEMA, NON_ENHANCING, ENHANCING = 1, 2, 3

_SMALLEST_SIDE = 16  # voxels; below it the three nested regions shrink to a few voxels
_ORIENTATIONS = ("RAS", "LPS", "LAS")
_FORMAT = 1  # raise it when the same settings no longer give the same bytes

# Intensity relative to healthy tissue, in the order of CHANNELS; healthy tissue is 1.
_TUMOUR_CONTRAST = {
    EDEMA: (1.55, 0.92, 0.92, 1.50),
    NON_ENHANCING: (1.05, 0.62, 0.68, 1.60),
    ENHANCING: (1.45, 0.72, 1.65, 1.12),
}


@dataclass(frozen=True)
class _Distractor:
    """A kind of lesion that is no tumour.

    Attributes:
        contrast: Intensity relative to healthy tissue, in the order of CHANNELS.
        count: The fewest and the most of them in a case.
        volume: All of them together, as a fraction of the brain's voxels.
    """

    contrast: tuple[float, float, float, float]
    count: tuple[int, int]
    volume: tuple[float, float]


_DISTRACTORS = (
    _Distractor(contrast=(0.60, 1.35, 1.00, 1.60), count=(2, 3), volume=(0.13, 0.17)),  # like a ventricle
    _Distractor(contrast=(1.55, 0.68, 1.00, 0.65), count=(2, 3), volume=(0.13, 0.17)),  # like an old scar
    _Distractor(contrast=(1.00, 1.00, 1.65, 1.00), count=(2, 4), volume=(0.04, 0.06)),  # like vessels
)


def write_task(
    folder: Path, *, cases: int = 24, broken: int = 0, seed: int = 0, size: Size = (56, 64, 44)
) -> None:
    """Write a task folder; do nothing when it already holds the one these settings describe.

    Args:
        folder: The task folder; it is made when it does not exist.
        cases: Number of listed cases, the broken ones included.
        broken: How many cases at the end of the list are damaged, cycling over DAMAGES.
        seed: A case depends on the seed and its own number, not on how many cases there are.
        size: Voxels along the three spatial axes.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: The folder holds another data set.
    """
    _check_settings(cases, broken, seed, size)
    settings = {
        "phantom": "brain_tumor", "format": _FORMAT,
        "cases": cases, "broken": broken, "seed": seed, "size": list(size),
    }  # fmt: skip
    if is_written(folder, settings, folder / "dataset.json"):
        return
    write_settings(folder, settings)
    for name in ("imagesTr", "labelsTr", "imagesTs"):
        (folder / name).mkdir(exist_ok=True)
    for number in range(1, cases + 1):
        position = number - (cases - broken) - 1
        damage = DAMAGES[position % len(DAMAGES)] if position >= 0 else None
        _write_case(folder, number, seed, size, damage)
    write_stray_file(folder / "imagesTr" / _file_name(1))
    _write_json(folder / "dataset.json", _description(cases))


def _check_settings(cases: int, broken: int, seed: int, size: Size) -> None:
    """Raise InvalidInput unless the settings of `write_task` make sense."""
    if cases < 1 or not 0 <= broken <= cases:
        raise InvalidInput(
            f"Wanted at least one case and 0 <= broken <= cases, found cases={cases}, broken={broken}."
        )
    if seed < 0:
        raise InvalidInput(f"Wanted a seed of 0 or more, found {seed}.")
    if len(size) != 3 or min(size) < _SMALLEST_SIDE:
        raise InvalidInput(f"Wanted three sides of at least {_SMALLEST_SIDE} voxels, found {tuple(size)}.")


def _description(cases: int) -> dict[str, Any]:
    """Return the contents of dataset.json, with the Decathlon's own spellings."""
    names = [_file_name(number) for number in range(1, cases + 1)]
    return {
        "name": "BRATS",
        "description": "Synthetic phantom in the format of the Decathlon's gliomas; no patient data",
        "reference": "medgantry.phantoms.brain_tumor",
        "licence": "Apache-2.0 (synthetic)",
        "release": f"{_FORMAT}.0",
        "tensorImageSize": "4D",
        "modality": {str(index): channel for index, channel in enumerate(CHANNELS)},
        "labels": {
            "0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour",
        },
        "numTraining": cases,
        "numTest": 0,
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names],
        "test": [],
    }  # fmt: skip


def _file_name(number: int) -> str:
    return f"BRATS_{number:03d}.nii.gz"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_case(folder: Path, number: int, seed: int, size: Size, damage: str | None) -> None:
    """Write the image and label of one case.

    Args:
        folder: The task folder.
        number: The case's number, from 1.
        seed: The data set's seed.
        size: Voxels along the three spatial axes.
        damage: One of DAMAGES, or None for a sound case.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, number))))
    image, label = _draw(rng, size)
    image, label, affine = _place(rng, image, label)
    write_image(folder / "imagesTr" / _file_name(number), image, affine, damage)
    write_label(folder / "labelsTr" / _file_name(number), label, affine, damage)


def _place(
    rng: np.random.Generator, image: NDArray[np.int16], label: NDArray[np.uint8]
) -> tuple[NDArray[np.int16], NDArray[np.uint8], Volume]:
    """Give a case its spacing, orientation and origin.

    Args:
        rng: The case's generator.
        image: (x, y, z, channel), axes to the right, anterior, superior.
        label: (x, y, z), the same axes.

    Returns:
        The image and label with axes flipped to the drawn orientation, and the affine from their voxel
        indices to RAS+ millimetres: flipping the axes moves no voxel in the world.
    """
    spacing = rng.uniform(1.5, 2.0, size=3).round(2)
    affine = np.diag([*spacing, 1.0])
    # The world's origin is near the brain's middle, as in a scanner, but never exactly there.
    affine[:3, 3] = (-spacing * np.array(label.shape) / 2 + rng.uniform(2.0, 12.0, size=3)).round(2)
    orientation = _ORIENTATIONS[int(rng.integers(len(_ORIENTATIONS)))]
    turned, turned_affine = turn(image, affine, orientation)
    return turned, turn(label, affine, orientation)[0], turned_affine


def _draw(rng: np.random.Generator, size: Size) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Draw one case's voxels.

    Args:
        rng: The case's generator.
        size: Voxels along x, y, z.

    Returns:
        The image (x, y, z, channel) in arbitrary units, exactly 0 outside the brain and at least 1 inside;
        the label (x, y, z). Axes point to the right, anterior, superior.
    """
    brain, depth = _draw_brain(rng, size)
    label = _draw_tumour(rng, brain, depth)
    contrast = _draw_distractors(rng, brain & (label == 0))
    for region, levels in _TUMOUR_CONTRAST.items():
        contrast[label == region] = levels * rng.normal(1.0, 0.02, size=len(CHANNELS))
    anatomy = smooth_noise(rng, size, sigma=3.0)
    channels = []
    for channel, weight in enumerate((0.05, 0.08, 0.07, -0.06)):  # white matter: bright on T1, dark on T2
        texture = weight * anatomy + 0.05 * smooth_noise(rng, size, sigma=1.5)
        bias = np.exp(0.06 * smooth_noise(rng, size, sigma=max(size) / 4))
        tissue = gaussian_filter(contrast[..., channel], 0.4) + texture  # blur: partial volume at borders
        tissue = tissue * bias + rng.normal(0.0, 0.05, size=size)
        gain = rng.uniform(180.0, 520.0)
        channels.append(np.where(brain, np.clip(gain * tissue, 1, 32767), 0))
    return np.stack(channels, axis=-1).round().astype(np.int16), label


def _draw_brain(rng: np.random.Generator, size: Size) -> tuple[Mask, Volume]:
    """Draw a skull-stripped brain.

    Args:
        rng: The case's generator.
        size: Voxels along x, y, z.

    Returns:
        The brain (x, y, z), and each voxel's distance (x, y, z) from its middle, where 1 is the surface.
    """
    middle = np.array(size) / 2 - 0.5 + rng.uniform(-1.0, 1.0, size=3)
    radii = np.array(size) / 2 * rng.uniform(0.86, 0.94, size=3)
    depth = ellipsoid_distance(_axes(size), middle, radii) + 0.02 * smooth_noise(rng, size, sigma=4.0)
    return depth < 1.0, depth


def _draw_tumour(rng: np.random.Generator, brain: Mask, depth: Volume) -> NDArray[np.uint8]:
    """Draw the three nested regions of a tumour.

    Each region takes a drawn share of the one around it, so that none is ever too small to learn.

    Args:
        rng: The case's generator.
        brain: (x, y, z).
        depth: (x, y, z) distance from the brain's middle, where 1 is the surface.

    Returns:
        The label (x, y, z): edema around the non-enhancing core around the enhancing part.
    """
    inner = np.argwhere(depth < 0.55)
    centre = inner[int(rng.integers(len(inner)))].astype(np.float64)
    label = np.zeros(brain.shape, dtype=np.uint8)
    region = brain
    for value, share in ((EDEMA, (0.09, 0.14)), (NON_ENHANCING, (0.42, 0.48)), (ENHANCING, (0.48, 0.52))):
        region = _blob(rng, region, centre, round(rng.uniform(*share) * int(region.sum())))
        label[region] = value
    return label


def _draw_distractors(rng: np.random.Generator, healthy: Mask) -> Volume:
    """Draw the lesions that imitate a tumour in one or two channels.

    Args:
        rng: The case's generator.
        healthy: (x, y, z) brain without tumour.

    Returns:
        Intensity (x, y, z, channel) relative to healthy tissue, which is 1, and so is the background.
    """
    contrast = np.ones((*healthy.shape, len(CHANNELS)))
    free, voxels = healthy, int(healthy.sum())
    for kind in _DISTRACTORS:
        count = int(rng.integers(kind.count[0], kind.count[1] + 1))
        share = rng.uniform(*kind.volume) / count
        for _ in range(count):
            places = np.argwhere(free)
            centre = places[int(rng.integers(len(places)))].astype(np.float64)
            lesion = _blob(rng, free, centre, round(share * voxels))
            contrast[lesion] = kind.contrast * rng.normal(1.0, 0.02, size=len(CHANNELS))
            free = free & ~lesion
    return contrast


def _blob(rng: np.random.Generator, within: Mask, centre: Volume, voxels: int) -> Mask:
    """Draw a compact irregular region of a given volume.

    Args:
        rng: The case's generator.
        within: (x, y, z) where the region may lie.
        centre: (3,) voxel index around which it lies.
        voxels: Its volume.

    Returns:
        The region (x, y, z).
    """
    radius = (3 * voxels / (4 * np.pi)) ** (1 / 3)
    radii = radius * rng.uniform(0.85, 1.15, size=3)
    field = ellipsoid_distance(_axes(within.shape), centre, radii) + 0.10 * smooth_noise(
        rng, within.shape, sigma=radius / 3
    )
    inside = np.flatnonzero(within)
    nearest = np.argsort(field.ravel()[inside], kind="stable")[:voxels]
    region = np.zeros(within.size, dtype=np.bool_)
    region[inside[nearest]] = True
    return region.reshape(within.shape)


def _axes(size: tuple[int, ...]) -> list[Volume]:
    """Voxel indices along x, y, z."""
    return [np.arange(n, dtype=np.float64) for n in size]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a task folder from the command line.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.brain_tumor",
        description="Write synthetic data in the format of the Decathlon's Task01_BrainTumour.",
    )
    parser.add_argument("folder", type=Path, help="the task folder to write")
    parser.add_argument("--cases", type=int, default=24, help="listed cases, the broken ones included")
    parser.add_argument("--broken", type=int, default=0, help="how many of the last cases are damaged")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    options = parser.parse_args(arguments)
    try:
        write_task(options.folder, cases=options.cases, broken=options.broken, seed=options.seed)
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
