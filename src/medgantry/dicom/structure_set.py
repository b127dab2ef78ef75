"""RT Structure Sets (PS3.3 C.8.8.5, C.8.8.6): contours filled on an image's grid.

A voxel belongs to a structure when its centre lies inside an odd number of the structure's contours on its slice: so
inner contours are holes, and keyholes and CLOSEDPLANAR_XOR come out right without further rules.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from medgantry.dicom.frame import FARTHEST_MM
from medgantry.dicom.header import read_dataset, value_items, value_numbers, value_text, value_whole
from medgantry.dicom.structures import (
    ALIGNED,
    INSIDE,
    SAME_FRAME,
    Proof,
    Structure,
    check_reference,
    tolerance_mm,
)
from medgantry.dicom.volume import SliceKey, Volume
from medgantry.ledger import Unusable

_AGAIN = "Export the structure set again."
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_OTHERS = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
_NUMBERED = "a structure set numbers each structure once"


class StructureSet:
    """One RTSTRUCT object; a `Masks`.

    Raises:
        Unusable: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._dataset = read_dataset(path)
            drawn = value_items(self._dataset, "ROIContourSequence")
            numbers = [value_whole(item, "ReferencedROINumber") for item in drawn]
            self._contours = {
                number: list(value_items(item, "ContourSequence"))
                for number, item in zip(numbers, drawn, strict=True)
            }
            self._rois = list(value_items(self._dataset, "StructureSetROISequence"))
            named = [structure.number for structure in self.structures]
        except (Unusable, MemoryError):
            raise
        except Exception as error:  # a damaged file makes pydicom raise nearly anything
            raise Unusable("the structure set can be read", type(error).__name__, _AGAIN) from error
        if (
            not named
            or len(set(named)) < len(named)
            or len(self._contours) < len(drawn)
            or set(self._contours) - set(named)
        ):
            raise Unusable(_NUMBERED, f"{len(named)} structures, {len(drawn)} drawn", _AGAIN)

    @cached_property
    def structures(self) -> Sequence[Structure]:
        """All regions of interest."""
        found = []
        for item in self._rois:
            number = value_whole(item, "ROINumber")
            words = [value_text(item, name) for name in ("ROIName", "ROIDescription")]
            if number is None:
                raise Unusable(_NUMBERED, "one has no number", _AGAIN)
            found.append(Structure(number=number, words=[word for word in words if word]))
        return found

    @cached_property
    def referenced_series(self) -> Sequence[str]:
        """Series it was drawn on, as it says."""
        return sorted(
            {
                value_text(series, "SeriesInstanceUID")
                for frame in value_items(self._dataset, "ReferencedFrameOfReferenceSequence")
                for study in value_items(frame, "RTReferencedStudySequence")
                for series in value_items(study, "RTReferencedSeriesSequence")
            }
            - {""}
        )

    @cached_property
    def referenced_instances(self) -> Sequence[str]:
        """Slices that contours were drawn on."""
        found = {key[0] for contours in self._contours.values() for key in map(_source, contours) if key}
        return sorted(found)

    def paint(self, codes: Mapping[int, int], volume: Volume, out: NDArray[Any]) -> Proof:
        """Or each structure's code into the voxels that it covers; see `Masks`."""
        proof = Proof()
        for number, code in codes.items():
            self._check_frame_of_reference(number, volume)
            slices: dict[int, list[NDArray[np.float64]]] = defaultdict(list)
            for index, points in self._polygons(number, volume, proof):
                slices[index].append(points)
            if not slices:
                raise Unusable("a structure has closed contours", "there are none", _AGAIN)
            for index, polygons in slices.items():
                mask = np.zeros(out.shape[1:], bool)
                for points in polygons:
                    mask ^= fill_polygon(points, mask.shape)
                out[index] |= mask.astype(out.dtype) * out.dtype.type(code)
        return proof

    def _check_frame_of_reference(self, number: int, volume: Volume) -> None:
        found = {
            value_text(item, "ReferencedFrameOfReferenceUID")
            for item in self._rois
            if value_whole(item, "ROINumber") == number
        }
        found |= {value_text(self._dataset, "FrameOfReferenceUID")} if not found - {""} else set()
        if found - {""} != {volume.frame_of_reference_uid}:
            raise Unusable(
                SAME_FRAME,
                "they differ" if found - {""} else "the structure names none",
                "Register the images, or choose the series it was drawn on.",
            )

    def _polygons(
        self, number: int, volume: Volume, proof: Proof
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Slice index and (n, 2) points in continuous (row, column) indices of each closed contour."""
        other = 0
        for contour in self._contours.get(number, []):
            numbers = _points(contour)
            if value_text(contour, "ContourGeometricType") in _OTHERS or len(numbers) < 9:
                other += 1
                continue
            index = volume.grid.index_of(np.array(numbers).reshape(-1, 3))
            plane = round(float(np.mean(index[:, 0])))
            spacing = volume.grid.spacing_mm[0]
            off = float(np.abs(index[:, 0] - plane).max()) * spacing
            if off > tolerance_mm(spacing):
                raise Unusable(
                    ALIGNED, f"a contour lies {off:.3f} mm off its slice", "Export it on this series' slices."
                )
            _check_inside(plane, index[:, 1:], volume)
            proof.planes += 1
            proof.residual_mm = max(proof.residual_mm, off)
            check_reference(_source(contour), plane, volume, proof)
            yield plane, index[:, 1:]
        if other:
            proof.notes.append(f"left out {other} contours that are not closed")


def _points(contour: Dataset) -> tuple[float, ...]:
    """All coordinates of a contour.

    Raises:
        Unusable: If points or what they make is missing or makes no sense.
    """
    numbers = value_numbers(contour, "ContourData")
    said = value_whole(contour, "NumberOfContourPoints")
    if not numbers or len(numbers) % 3 or said not in (None, len(numbers) // 3):
        raise Unusable("a contour is a list of points", f"{len(numbers)} numbers, {said} points", _AGAIN)
    if max(map(abs, numbers)) > FARTHEST_MM:
        raise Unusable("ContourData is possible", f"{max(map(abs, numbers))} mm", _AGAIN)
    if value_text(contour, "ContourGeometricType") not in (*_CLOSED, *_OTHERS):
        raise Unusable("a contour says what it is", "none of the standard's terms", _AGAIN)
    return numbers


def _check_inside(plane: int, points: NDArray[np.float64], volume: Volume) -> None:
    shape = volume.grid.shape
    low, high = points.min(axis=0), points.max(axis=0)
    if not 0 <= plane < shape[0] or (low < -1).any() or (high > np.array(shape[1:])).any():
        raise Unusable(
            INSIDE,
            f"a contour on slice {plane} spans rows and columns {low.round(1)} to {high.round(1)} of {shape}",
            "Fetch the series whole: slices at an end may be missing.",
        )


def _source(contour: Dataset) -> SliceKey | None:
    images = value_items(contour, "ContourImageSequence")
    if len(images) != 1:
        return None
    frame = value_whole(images[0], "ReferencedFrameNumber") or 1
    return value_text(images[0], "ReferencedSOPInstanceUID"), frame - 1


def fill_polygon(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixel centres lie inside a closed polygon, by the even-odd rule.

    Args:
        points: (n, 2) corners as (row, column); pixel (i, j) has its centre at (i, j).
        shape: Rows, columns.

    Returns:
        A mask of that shape. Of a centre on an edge, the one to the lower row and column counts as inside.
    """
    mask = np.zeros(shape, bool)
    ends = np.roll(points, -1, axis=0)
    first, last = int(np.ceil(points[:, 0].min())), int(np.floor(points[:, 0].max()))
    columns = np.arange(shape[1])
    for row in range(max(first, 0), min(last, shape[0] - 1) + 1):
        crosses = (points[:, 0] <= row) != (ends[:, 0] <= row)
        start, end = points[crosses], ends[crosses]
        at = start[:, 1] + (row - start[:, 0]) / (end[:, 0] - start[:, 0]) * (end[:, 1] - start[:, 1])
        mask[row] = (np.searchsorted(np.sort(at), columns, side="right") % 2).astype(bool)
    return mask
