"""Segmentations as writers make them, each with the verdict that an honest reader should come to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy.ndimage import uniform_filter

from medgantry.phantoms.dicom.dirty.case import Verdict
from medgantry.phantoms.dicom.segmentation.spec import (
    Occupancy,
    Segmentation,
    SegmentationSpec,
    example_masks,
)
from medgantry.phantoms.dicom.segmentation.writer import make_segmentation
from medgantry.phantoms.dicom.series import Mask, Series, make_series
from medgantry.phantoms.dicom.spec import SeriesSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentationCase:
    """A series, a segmentation of it, and what a reader should say.

    Attributes:
        name: Its key in SEGMENTATIONS.
        why: One sentence.
        expected: "ok": the masks are the truth; "rejected": they cannot be trusted on this series.
        also_acceptable: Verdicts that cannot be called wrong.
        series: The source; its data sets are all that a reader gets.
        segmentation: The object and the truth.
    """

    name: str
    why: str
    expected: Verdict
    also_acceptable: frozenset[Verdict]
    series: Series
    segmentation: Segmentation


@dataclass(frozen=True)
class _Row:
    why: str
    spec: SegmentationSpec
    expected: Verdict = "ok"
    tolerant: bool = False  # the other verdict is no mistake either
    overlapping: bool = False
    one_empty: bool = False  # the second segment has no voxel
    lost_slices: int = 0  # at the series' upper end, after the segmentation was made


_S = SegmentationSpec

_ROWS: dict[str, _Row] = {
    "plain": _Row("Nothing is wrong.", _S()),
    "empty frames kept": _Row("Every slice has a frame of every segment.", _S(omit_empty=False)),
    "frames reversed": _Row("The frames run backwards.", _S(frames="reversed")),
    "frames shuffled": _Row("The frames come in any order.", _S(frames="shuffled", omit_empty=False)),
    "cropped": _Row("Rows and columns around the masks only.", _S(cropped=True)),
    "cropped and shuffled": _Row("Cropped, in any order.", _S(cropped=True, frames="shuffled")),
    "overlapping": _Row("Three segments share voxels.", _S(), overlapping=True),
    "segment without a voxel": _Row("The second segment has no frame.", _S(), one_empty=True),
    "numbers with gaps": _Row("SegmentNumber is 3 and 17.", _S(numbers=(3, 17))),
    "numbers backwards": _Row("SegmentNumber is 2 and 1.", _S(numbers=(2, 1))),
    "occupancy 255": _Row("Stored is 255 times the occupancy.", _S(kind="FRACTIONAL")),
    "occupancy 100": _Row(
        "Stored is 100 times the occupancy.", _S(kind="FRACTIONAL", maximum_fractional_value=100)
    ),
    "probability": _Row(
        "Stored is a probability, no occupancy.", _S(kind="FRACTIONAL", fractional_type="PROBABILITY")
    ),
    "label map": _Row("The pixels are segment numbers.", _S(kind="LABELMAP")),
    "label map, numbers with gaps": _Row(
        "The pixels are the numbers 4 and 9.", _S(kind="LABELMAP", numbers=(4, 9), omit_empty=False)
    ),
    "label map, cropped": _Row("A label map around the masks only.", _S(kind="LABELMAP", cropped=True)),
    "seven digits": _Row("Positions have seven significant digits.", _S(position_digits=7)),
    "off by 0.004 mm": _Row("All planes are off by 0.004 mm.", _S(position_offset_mm=0.004)),
    "one plane off by 0.004 mm": _Row(
        "One plane is off by 0.004 mm.", _S(position_offset_mm=0.004, offset_frames="first")
    ),
    "off by half a slice": _Row(
        "All planes lie halfway between two slices.", _S(position_offset_mm=1.25), "rejected"
    ),
    "orientation per frame": _Row(
        "Orientation and spacing stand in every frame's groups.", _S(orientation_in="per-frame")
    ),
    "missing FrameContentSequence": _Row(
        "The frames lack their dimension index values.", _S(without=("FrameContentSequence",))
    ),
    "missing FrameOfReferenceUID": _Row(
        "The coordinate system follows from the referenced instances only.",
        _S(without=("FrameOfReferenceUID",)), tolerant=True,
    ),
    "missing PlaneOrientationSequence": _Row(
        "The orientation follows from the referenced instances only.",
        _S(without=("PlaneOrientationSequence",)), tolerant=True,
    ),
    "missing PixelMeasuresSequence": _Row(
        "The spacing follows from the referenced instances only.",
        _S(without=("PixelMeasuresSequence",)), tolerant=True,
    ),
    "missing ReferencedSeriesSequence": _Row(
        "The frames still name their source instances.", _S(without=("ReferencedSeriesSequence",))
    ),
    "missing DerivationImageSequence": _Row(
        "The planes follow from positions only.", _S(without=("DerivationImageSequence",))
    ),
    "missing all references": _Row(
        "Only coordinate system and positions connect it to the series.",
        _S(without=("ReferencedSeriesSequence", "DerivationImageSequence")), tolerant=True,
    ),
    "missing positions": _Row(
        "The planes follow from the referenced instances only.",
        _S(without=("PlanePositionSequence",)), "rejected", tolerant=True,
    ),
    "missing positions and references": _Row(
        "Nothing says where the planes lie.",
        _S(without=("PlanePositionSequence", "DerivationImageSequence")), "rejected",
    ),
    "missing segment numbers": _Row(
        "Nothing says to which segment a frame belongs.",
        _S(without=("SegmentIdentificationSequence",)), "rejected",
    ),
    "other frame of reference": _Row(
        "It lies in another coordinate system.", _S(other_frame_of_reference=True), "rejected"
    ),
    "other series": _Row(
        "ReferencedSeriesSequence names another series, of the same coordinate system.",
        _S(other_series=True), tolerant=True,
    ),
    "unknown instance": _Row(
        "One frame names a source that is not in the series, at a position that is.",
        _S(unknown_instance=True), tolerant=True,
    ),
    "duplicated instance": _Row("One instance is referenced twice.", _S(duplicated_instance=True)),
    "series lost slices": _Row(
        "Six slices at the series' end are gone, and the masks reach into them.", _S(), "rejected",
        lost_slices=6,
    ),
}  # fmt: skip


def _make(name: str, row: _Row, seed: int) -> SegmentationCase:
    series = make_series(SeriesSpec(seed=seed, slices=12))
    drawn = example_masks(series, overlapping=row.overlapping)
    if row.one_empty:
        drawn["Mass"] = np.zeros_like(drawn["Mass"])
    masks: Mapping[str, Mask | Occupancy] = drawn
    if row.spec.kind == "FRACTIONAL":
        # A voxel's share of the mask around it: a border of values between 0 and 1.
        masks = {label: uniform_filter(mask.astype(np.float64), 3) for label, mask in drawn.items()}
    segmentation = make_segmentation(series, masks, replace(row.spec, seed=seed))
    if row.lost_slices:
        series = replace(series, datasets=series.datasets[: -row.lost_slices])
    others: frozenset[Verdict] = frozenset({"rejected"} if row.expected == "ok" else {"ok"})
    return SegmentationCase(
        name=name, why=row.why, expected=row.expected, also_acceptable=others if row.tolerant else frozenset(),
        series=series, segmentation=segmentation,
    )  # fmt: skip


def _maker(name: str, row: _Row) -> Callable[[int], SegmentationCase]:
    return lambda seed: _make(name, row, seed)


SEGMENTATIONS: Mapping[str, Callable[[int], SegmentationCase]] = MappingProxyType(
    {name: _maker(name, row) for name, row in _ROWS.items()}
)
"""From a name to what makes the case from a seed."""
