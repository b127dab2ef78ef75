"""Taking a series apart into stacks of parallel slices: a series may hold scouts, several planes or time points."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np

from medgantry.dicom.frame import MARKS, Frame
from medgantry.dicom.grid import SAME_POSITION, place_slices
from medgantry.ledger import Unusable

OTHER_PLANE = 0.02
"""Difference of direction cosines from which slices belong to another stack, about one degree."""

Stack = list[Frame]


def split_stacks(frames: Sequence[Frame], marks: Callable[[Frame], Sequence[str]]) -> list[Stack]:
    """Stacks of a series, the largest first.

    Slices are parted by scout or not, matrix and orientation; where several lie at one position, also by the first
    attribute that tells them apart (acquisition, time point, echo, weighting).

    Args:
        frames: All slices.
        marks: Values of `MARKS` for a slice; only asked for where positions repeat.
    """
    stacks: list[Stack] = []
    for part in _partition(frames, lambda frame: (frame.localizer, frame.pixels.rows, frame.pixels.columns)):
        for parallel in _by_plane(part):
            stacks += _by_mark(parallel, marks)
    return sorted(stacks, key=lambda stack: (-len(stack), min(frame.sop_instance_uid for frame in stack)))


def repeated(frames: Sequence[Frame]) -> bool:
    """Whether two slices lie at one position.

    Raises:
        Unusable: If the slices share no plane.
    """
    placement = place_slices(frames)
    return bool((placement.steps_mm < SAME_POSITION * placement.spacing_mm).any()) or not placement.spacing_mm


def _partition(frames: Sequence[Frame], key: Callable[[Frame], Hashable]) -> list[Stack]:
    parts: dict[Hashable, Stack] = defaultdict(list)
    for frame in frames:
        parts[key(frame)].append(frame)
    return list(parts.values())


def _mark(frame: Frame, marks: Callable[[Frame], Sequence[str]], which: int) -> str:
    return marks(frame)[which]


def _by_plane(frames: Sequence[Frame]) -> list[Stack]:
    leaders: list[np.ndarray] = []
    parts: list[Stack] = []
    for frame in frames:
        cosines = np.array(frame.orientation)
        near = [index for index, leader in enumerate(leaders) if np.abs(leader - cosines).max() < OTHER_PLANE]
        if near:
            parts[near[0]].append(frame)
        else:
            leaders.append(cosines)
            parts.append([frame])
    return parts


def _by_mark(frames: Stack, marks: Callable[[Frame], Sequence[str]]) -> list[Stack]:
    try:
        if len(frames) < 2 or not repeated(frames):
            return [frames]
        for which in range(len(MARKS)):
            parts = _partition(frames, partial(_mark, marks=marks, which=which))
            if len(parts) > 1 and all(len(part) > 1 and not repeated(part) for part in parts):
                return parts
    except Unusable:  # they share no plane: whoever reads the stack says so
        pass
    return [frames]
