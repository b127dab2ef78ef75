"""Repairs that change voxels. None is done unless it was asked for by name, and each says what it did.

`gap`      slices are missing inside: they are interpolated
`spacing`  steps differ: slices are resampled to the median step
`tilt`     the gantry was tilted: slices are shifted to lie above each other, in a larger matrix
`padding`  voxels marked as outside of the field of view get the lowest value found inside
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift

from medgantry.dicom.grid import EVEN, NO_GAP, UPRIGHT, Placement, check_shear, check_steps, shear
from medgantry.ledger import Unusable

Array = NDArray[Any]
REPAIRS = ("gap", "spacing", "tilt", "padding")
_OF_RULE = {NO_GAP: "gap", EVEN: "spacing", UPRIGHT: "tilt"}


def needed_repairs(placement: Placement, allowed: Collection[str]) -> list[str]:
    """Which repairs the slices' geometry needs.

    Raises:
        Unusable: If one is not allowed, or nothing can repair what is wrong.
    """
    needed = []
    for check in (check_steps, check_shear):
        try:
            check(placement)
        except Unusable as verdict:
            repair = _OF_RULE.get(verdict.rule, "")
            if repair not in allowed:
                raise
            needed.append(repair)
    return needed


def repair_geometry(
    voxels: Array, placement: Placement, needed: Sequence[str]
) -> tuple[Array, Placement, list[str]]:
    """Make the slices even and upright.

    Args:
        voxels: (slice, row, column).
        placement: Where the slices lie.
        needed: What `needed_repairs` found.

    Returns:
        The new voxels, where they lie, and what was done in words.
    """
    done = []
    if "gap" in needed or "spacing" in needed:
        voxels, placement, words = _even_out(voxels, placement, "gap" in needed)
        done.append(words)
    if "tilt" in needed:
        voxels, placement, words = _straighten(voxels, placement)
        done.append(words)
    return voxels, placement, done


def _even_out(voxels: Array, placement: Placement, gap: bool) -> tuple[Array, Placement, str]:
    along = placement.along_mm
    step = placement.steps_mm.min() if gap else placement.spacing_mm
    count = round((along[-1] - along[0]) / step) if gap else int((along[-1] - along[0]) / step + 1e-6)
    step = (along[-1] - along[0]) / count if gap else step
    wanted = along[0] + step * np.arange(count + 1)
    below = np.clip(np.searchsorted(along, wanted + 1e-9) - 1, 0, len(along) - 2)
    weight = np.clip((wanted - along[below]) / (along[below + 1] - along[below]), 0, 1)
    made = np.empty((count + 1, *voxels.shape[1:]), voxels.dtype)
    for index, (low, share) in enumerate(zip(below, weight, strict=True)):
        mixed = voxels[low] * (1 - share) + voxels[low + 1] * share
        made[index] = _as(mixed, voxels.dtype)
    positions = np.stack(
        [np.interp(wanted, along, placement.positions_mm[:, axis]) for axis in range(3)], axis=1
    )
    words = (
        f"interpolated {count + 1 - len(along)} missing slices"
        if gap
        else f"resampled {len(along)} slices to {count + 1} at {step:.3f} mm"
    )
    return made, replace(placement, order=range(count + 1), along_mm=wanted, positions_mm=positions), words


def _straighten(voxels: Array, placement: Placement) -> tuple[Array, Placement, str]:
    plane = placement.plane
    beside = np.outer(placement.along_mm - placement.along_mm[0], shear(placement))
    # How far each slice must move, in rows and columns of the first; all moves are made positive by a larger matrix.
    moves = np.stack([beside @ plane.column, beside @ plane.row], axis=1) / plane.spacing_mm
    low = np.floor(np.minimum(moves.min(axis=0), 0)).astype(int)
    high = np.ceil(np.maximum(moves.max(axis=0), 0)).astype(int)
    outside = voxels.min()
    made = np.full((len(voxels), *(np.array(voxels.shape[1:]) + high - low)), outside, voxels.dtype)
    for index, move in enumerate(moves - low):
        canvas = np.full(made.shape[1:], outside, np.float32)
        canvas[: voxels.shape[1], : voxels.shape[2]] = voxels[index]
        made[index] = _as(shift(canvas, move, order=1, mode="constant", cval=float(outside)), voxels.dtype)
    origin = (
        placement.positions_mm[0]
        + plane.column * low[0] * plane.spacing_mm[0]
        + plane.row * low[1] * (plane.spacing_mm[1])
    )
    positions = origin + np.outer(placement.along_mm - placement.along_mm[0], plane.normal)
    angle = np.degrees(np.arctan(np.linalg.norm(shear(placement))))
    return (
        made,
        replace(placement, positions_mm=positions),
        f"straightened a gantry tilt of {angle:.2f} degrees",
    )


def _as(values: Array, kind: np.dtype[Any]) -> Array:
    return values.astype(kind) if kind.kind == "f" else np.rint(values).astype(kind)


def repair_padding(voxels: Array, padded: Array) -> list[str]:
    """Give padded voxels, in place, the lowest value that others have.

    Args:
        voxels: (slice, row, column).
        padded: Same shape, true where a voxel is padding.
    """
    if not padded.any() or padded.all():
        return []
    voxels[padded] = voxels[~padded].min()
    return [f"replaced {int(padded.sum())} padding voxels"]
