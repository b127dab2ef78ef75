"""Outlines of a mask along the edges of its pixels: filling them gives back exactly the mask."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from medgantry.phantoms.dicom.series import Mask

Outline = NDArray[np.float64]
_Corner = tuple[int, int]


def trace(mask: Mask) -> list[list[Outline]]:
    """Return the outlines of a mask (row, column).

    Returns:
        For each piece that hangs together by edges: its outer outline, then those of its holes. An outline is
        (point, 2) in rows and columns, where whole numbers are the pixels' centres; it is not closed. Outer
        outlines and holes run in opposite directions.
    """
    pieces, count = label(mask)
    return [_trace_piece(pieces == number) for number in range(1, count + 1)]


def join(outlines: list[Outline]) -> Outline:
    """Join an outline with its holes into one, by channels without width: a keyhole."""
    joined = outlines[0]
    for hole in outlines[1:]:
        distances = np.linalg.norm(joined[:, None] - hole[None], axis=-1)
        place, start = np.unravel_index(int(distances.argmin()), distances.shape)
        around = np.roll(hole, -int(start), axis=0)
        joined = np.concatenate([joined[: place + 1], around, around[:1], joined[place:]])
    return joined


def _trace_piece(piece: Mask) -> list[Outline]:
    """Return the outlines of one piece (row, column), the outer one first."""
    following = _edges(piece)
    outlines = []
    while following:
        start = min(following)
        corner, heading = start, following[start][0]
        points: list[_Corner] = []
        while True:
            options = following[corner]
            # Where two pixels touch at a corner only, turning towards the inside keeps the outline simple.
            towards = options[0] if len(options) == 1 else _turn(options, heading)
            options.remove(towards)
            if not options:
                del following[corner]
            if not points or towards != heading:
                points.append(corner)
            heading = towards
            corner = (corner[0] + towards[0], corner[1] + towards[1])
            if corner == start:
                break
        outlines.append(np.array(points, dtype=np.float64) - 0.5)
    outlines.sort(key=lambda points: -abs(_area(points)))
    return outlines


def _edges(piece: Mask) -> dict[_Corner, list[_Corner]]:
    """Return from each corner of the outline the steps that have the inside on their right hand."""
    padded = np.pad(piece, 1)
    following: dict[_Corner, list[_Corner]] = {}
    # (neighbour outside, corner of the pixel where the edge starts, step along the edge)
    sides = (
        ((-1, 0), (0, 0), (0, 1)),
        ((0, 1), (0, 1), (1, 0)),
        ((1, 0), (1, 1), (0, -1)),
        ((0, -1), (1, 0), (-1, 0)),
    )
    for (row_step, column_step), (row, column), step in sides:
        neighbour = np.roll(padded, (-row_step, -column_step), axis=(0, 1))[1:-1, 1:-1]
        for place in np.argwhere(piece & ~neighbour).tolist():
            following.setdefault((place[0] + row, place[1] + column), []).append(step)
    return following


def _turn(options: list[_Corner], heading: _Corner) -> _Corner:
    """Return the step that turns right, in rows and columns."""
    right = (heading[1], -heading[0])
    return right if right in options else options[0]


def _area(points: Outline) -> float:
    """Return the signed area in pixels."""
    rows, columns = points[:, 0], points[:, 1]
    return float(np.sum(rows * np.roll(columns, -1) - columns * np.roll(rows, -1)) / 2)
