"""What a segmentation is like, and the regions it may show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medgantry.phantoms.dicom.anatomy import Ellipsoid, is_inside
from medgantry.phantoms.dicom.series import Mask, Series

Occupancy = NDArray[np.float64]

_EXAMPLES = {
    "Liver": Ellipsoid(centre=(-0.1, -0.1, 0.25), radii=(0.55, 0.4, 0.35)),
    "Mass": Ellipsoid(centre=(0.2, 0.1, -0.3), radii=(0.45, 0.3, 0.2)),
    "Overlapping mass": Ellipsoid(centre=(0.05, 0.0, 0.05), radii=(0.4, 0.25, 0.3)),
}


@dataclass(frozen=True, kw_only=True)
class SegmentationSpec:
    """Settings of `make_segmentation`; the defaults make a segmentation without a flaw."""

    kind: Literal["BINARY", "FRACTIONAL", "LABELMAP"] = "BINARY"
    fractional_type: Literal["OCCUPANCY", "PROBABILITY"] = "OCCUPANCY"
    maximum_fractional_value: int = 255
    numbers: tuple[int, ...] | None = None
    """SegmentNumber of every mask; None: from 1 on."""
    omit_empty: bool = True
    """Leave out the frames in which a segment has no voxel."""
    frames: Literal["forward", "reversed", "shuffled"] = "forward"
    """Order of the frames: segment by segment along the normal, the same backwards, or any."""
    cropped: bool = False
    """Rows and columns are only those around the masks, with a position of their own."""

    position_digits: int | None = None
    """Positions are rounded to this many significant digits; None: not rounded."""
    position_offset_mm: float = 0.0
    """The frames are off by this along the normal."""
    offset_frames: Literal["all", "first"] = "all"
    """Frames to which position_offset_mm applies."""
    orientation_in: Literal["shared", "per-frame"] = "shared"
    """Functional groups in which the orientation and the spacing stand."""
    without: tuple[str, ...] = ()
    """Keywords removed wherever they stand."""
    other_frame_of_reference: bool = False
    """FrameOfReferenceUID is another than the series'."""
    unknown_instance: bool = False
    """One frame refers to an instance that is not in the series."""
    duplicated_instance: bool = False
    """One instance stands twice among the referenced ones."""
    other_series: bool = False
    """ReferencedSeriesSequence names a series that does not exist."""

    series_number: int = 30
    seed: int = 0
    """Decides shuffled frames."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """A segmentation and its truth.

    Attributes:
        dataset: The DICOM object.
        masks: By label, on the series' grid (slice along the normal, row, column): boolean, or the occupancy
            in [0, 1] as it can be stored, of a FRACTIONAL one.
        numbers: SegmentNumber by label.
    """

    dataset: Dataset
    masks: Mapping[str, Mask | Occupancy]
    numbers: Mapping[str, int]


def example_masks(series: Series, *, overlapping: bool = False) -> dict[str, Mask]:
    """Return masks (slice, row, column) of two or three regions; the first two never overlap.

    Args:
        series: Gives the grid.
        overlapping: Add a third one that overlaps both.
    """
    local = series.body.coordinates(series.spec.points_mm)
    labels = list(_EXAMPLES)[: 3 if overlapping else 2]
    masks = {label: is_inside(local, _EXAMPLES[label]) for label in labels}
    masks["Mass"] &= ~masks["Liver"]
    return masks
