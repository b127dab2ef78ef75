"""A stack of slices to a volume: checked, decoded, rescaled."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.dicom.frame import Frame
from medgantry.dicom.grid import SAME_POSITION, Grid, Placement, place_slices, regular_grid
from medgantry.dicom.repairs import REPAIRS, needed_repairs, repair_geometry, repair_padding
from medgantry.dicom.values import padded_voxels, read_values
from medgantry.errors import InvalidInput
from medgantry.ledger import Unusable

RESCALED = ("CT",)
"""Modalities whose rescale is required (PS3.3 C.8.2.1): without it values are not Hounsfield units."""


SliceKey = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Volume:
    """Voxels with their place."""

    voxels: NDArray[Any]
    """(slice, row, column): int16 or int32 where slopes and intercepts are whole, else float32. Hounsfield units for
    CT; MONOCHROME1 is about display and inverts nothing (PS3.3 C.7.6.3.1.2)."""
    grid: Grid
    repairs: tuple[str, ...]
    """What was done to the series, in words; empty when nothing was."""
    slices: Mapping[SliceKey, int]
    """(SOP Instance UID, frame number from 0) -> slice index; without slices that lie between those of the grid."""
    frame_of_reference_uid: str


def read_volume(
    frames: Sequence[Frame], *, modality: str, repairs: Collection[str] = (), workers: int = 1
) -> Volume:
    """Read a stack.

    Args:
        frames: Slices of one stack, in any order.
        modality: The series' modality.
        repairs: Which of `REPAIRS` are allowed; dropping a copy of a slice always is.
        workers: Processes that decode compressed slices.

    Raises:
        Unusable: With the rule that is broken.
        InvalidInput: If a repair is unknown.
    """
    unknown = set(repairs) - set(REPAIRS)
    if unknown:
        raise InvalidInput(f"Repairs are {sorted(REPAIRS)}, found {sorted(unknown)}.")
    _check_shared(frames, modality)
    placement = place_slices(frames)
    ordered, done = _without_copies([frames[index] for index in placement.order], placement)
    if done:
        placement = place_slices(ordered)
    placement = replace(placement, order=range(len(ordered)))
    needed = needed_repairs(placement, repairs)
    voxels = read_values(ordered, workers=workers)
    _check_signs(ordered, voxels)
    if "padding" in repairs:
        done += repair_padding(voxels, padded_voxels(ordered, voxels))
    along = placement.along_mm
    voxels, placement, words = repair_geometry(voxels, placement, needed)
    return Volume(
        voxels=voxels,
        grid=regular_grid(placement, *voxels.shape[1:]),
        repairs=(*done, *words),
        slices=_slice_indices(ordered, along, placement),
        frame_of_reference_uid=ordered[0].frame_of_reference_uid,
    )


def _slice_indices(
    ordered: Sequence[Frame], along_mm: NDArray[np.float64], placement: Placement
) -> dict[SliceKey, int]:
    step = float(placement.along_mm[-1] - placement.along_mm[0]) / (len(placement.along_mm) - 1)
    index = (along_mm - placement.along_mm[0]) / step
    off = np.abs(index - np.round(index)) * step
    return {
        (frame.sop_instance_uid, frame.index): round(float(place))
        for frame, place, far in zip(ordered, index, off, strict=True)
        if far <= placement.tolerance_mm
    }


def _check_shared(frames: Sequence[Frame], modality: str) -> None:
    references = {frame.frame_of_reference_uid for frame in frames}
    if len(references) > 1:
        raise Unusable(
            "all slices have one frame of reference", f"{len(references)} found", "Fetch the series again."
        )
    without = sum(frame.rescale is None for frame in frames)
    if without and (without < len(frames) or modality in RESCALED):
        raise Unusable(
            "every slice says its rescale",
            f"{without} of {len(frames)} slices of {modality or 'no modality'} do not",
            "Export the series again: its values would be wrong by the intercept.",
        )
    if len({(frame.pixels.rows, frame.pixels.columns) for frame in frames}) > 1:
        raise Unusable("all slices have one matrix", "rows or columns differ", "Split the series.")


def _check_signs(frames: Sequence[Frame], voxels: NDArray[Any]) -> None:
    """Refuse slices of which some are signed and others not, where it matters.

    Raises:
        Unusable: If a highest bit is set in one of two slices that differ in nothing but their sign.
    """
    kinds: dict[int, set[str]] = defaultdict(set)
    for frame in frames:
        kinds[frame.pixels.bits_stored].add(frame.pixels.kind)
    for frame, image in zip(frames, voxels, strict=True):
        if len(kinds[frame.pixels.bits_stored]) == 1:
            continue
        slope, intercept = frame.rescale or (1.0, 0.0)
        stored = (np.array([image.min(), image.max()], np.float64) - intercept) / slope
        if stored.min() < -0.5 or stored.max() > (1 << (frame.pixels.bits_stored - 1)) - 0.5:
            raise Unusable(
                "slices of one depth have one PixelRepresentation",
                "they differ, and it matters",
                "Export the series again.",
            )


def _without_copies(ordered: list[Frame], placement: Placement) -> tuple[list[Frame], list[str]]:
    """Slices without the copies at positions that are taken, and what was dropped in words.

    Raises:
        Unusable: If two slices at one position show different things.
    """
    near = placement.steps_mm < max(SAME_POSITION * placement.spacing_mm, 1e-6)
    if not near.any():
        return ordered, []
    for index in np.flatnonzero(near):
        pair = read_values(ordered[index : index + 2])
        if not np.array_equal(pair[0], pair[1]):
            raise Unusable(
                "a position has one slice",
                f"{int(near.sum())} positions have several that differ",
                "Choose one acquisition, or fetch the series again.",
            )
    kept = [ordered[0], *(frame for frame, copy in zip(ordered[1:], near, strict=True) if not copy)]
    return kept, [f"dropped {int(near.sum())} copies of slices"]
