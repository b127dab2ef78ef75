"""Masks to an RT structure set, with every flaw that the settings ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, RTStructureSetStorage

from medgantry.phantoms.dicom.headers import decimals, start_dataset
from medgantry.phantoms.dicom.series import Mask, Series
from medgantry.phantoms.dicom.structures.contours import Outline, join, trace
from medgantry.phantoms.dicom.uids import make_uid

_DETACHED_STUDY = UID("1.2.840.10008.3.1.2.3.1")
_COLOURS = ((255, 0, 0), (0, 192, 0), (0, 64, 255), (255, 192, 0))


@dataclass(frozen=True, kw_only=True)
class StructureSpec:
    """Settings of `make_structures`; the defaults make a structure set without a flaw."""

    holes: Literal["xor", "closedplanar_xor", "keyhole"] = "xor"
    """Holes are contours of their own (of type CLOSED_PLANAR or CLOSEDPLANAR_XOR), or part of the outer one."""
    clockwise: bool = True
    """Direction of the outer contours in the image; holes run the other way."""
    closed: bool = False
    """The first point is repeated at the end."""
    plane_offset_mm: float = 0.0
    """All planes are off by this along the normal."""
    with_point: bool = False
    """Add a region that is a single POINT."""
    with_empty: bool = False
    """Add a region without contours."""
    margin: int = 0
    """The masks have this many more pixels on each side, in the plane, than the series."""
    contours: Literal["by slice", "shuffled"] = "by slice"
    reversed_regions: bool = False
    """ROIContourSequence has another order than StructureSetROISequence."""
    numbers: tuple[int, ...] | None = None
    """ROINumber of every region; None: from 1 on."""
    other_frame_of_reference: bool = False
    """All coordinates are in another system than the series'."""
    without_contour_images: bool = False
    """Contours do not name the image on which they were drawn."""
    series_number: int = 40
    seed: int = 0
    """Decides shuffled contours."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A region of a structure set and its truth.

    Attributes:
        number: ROINumber.
        name: ROIName; regions may share one.
        mask: (slice along the normal, row, column) on the series' grid: voxels whose centre is inside.
    """

    number: int
    name: str
    mask: Mask


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureSet:
    """A structure set and its truth; a point and a region without contours have no entry in `regions`."""

    dataset: Dataset
    regions: tuple[Region, ...]


def make_structures(
    series: Series, masks: Sequence[tuple[str, Mask]], spec: StructureSpec | None = None
) -> StructureSet:
    """Make a structure set of a series.

    Args:
        series: What the contours are drawn on.
        masks: Name and mask of every region, (slice along the normal, row, column) on the series' grid,
            with spec.margin more pixels at each side of rows and columns.
        spec: What the structure set is like; None: without a flaw.
    """
    spec = spec or StructureSpec()
    numbers = spec.numbers or range(1, len(masks) + 1)
    named = list(zip(numbers, masks, strict=True))
    dataset = _start(series, spec)
    frame_of_reference = series.spec.frame_of_reference_uid
    if spec.other_frame_of_reference:
        frame_of_reference = make_uid(frame_of_reference, "another")
    dataset.FrameOfReferenceUID = frame_of_reference
    dataset.ReferencedFrameOfReferenceSequence = [_references(series, frame_of_reference)]
    regions = [
        _region(number, name, frame_of_reference, _contours(series, mask, spec))
        for number, (name, mask) in named
    ]
    free = max(numbers) + 1
    if spec.with_point:
        point = _contour("POINT", series.affine[:3, 3][None] + 1.0, None)
        regions.append(_region(free, "Isocentre", frame_of_reference, [point]))
    if spec.with_empty:
        regions.append(_region(free + 1, "Forgotten", frame_of_reference, []))
    dataset.StructureSetROISequence = [region[0] for region in regions]
    dataset.ROIContourSequence = [region[1] for region in regions][:: -1 if spec.reversed_regions else 1]
    dataset.RTROIObservationsSequence = [region[2] for region in regions]
    inner = slice(spec.margin, -spec.margin or None)
    truth = (Region(number=number, name=name, mask=mask[:, inner, inner]) for number, (name, mask) in named)
    return StructureSet(dataset=dataset, regions=tuple(truth))


def _start(series: Series, spec: StructureSpec) -> Dataset:
    series_uid = make_uid(series.spec.series_uid, "structures", spec.series_number)
    dataset = start_dataset(series.spec, RTStructureSetStorage, make_uid(series_uid, spec))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.Modality = "RTSTRUCT"
    dataset.SeriesInstanceUID = series_uid
    dataset.SeriesNumber = spec.series_number
    dataset.SeriesDescription = "Contours"
    dataset.InstanceNumber = 1
    dataset.OperatorsName = ""
    dataset.StructureSetLabel = "CONTOURS"
    dataset.StructureSetDate, dataset.StructureSetTime = series.spec.study_date, "120000"
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.PositionReferenceIndicator = ""
    return dataset


def _image_reference(source: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return item


def _references(series: Series, frame_of_reference: UID) -> Dataset:
    """Return the item that names the coordinate system, the study and the series."""
    images = Dataset()
    images.SeriesInstanceUID = series.spec.series_uid
    images.ContourImageSequence = [_image_reference(source) for source in series.datasets]
    study = Dataset()
    study.ReferencedSOPClassUID = _DETACHED_STUDY
    study.ReferencedSOPInstanceUID = series.spec.study_uid
    study.RTReferencedSeriesSequence = [images]
    item = Dataset()
    item.FrameOfReferenceUID = frame_of_reference
    item.RTReferencedStudySequence = [study]
    return item


def _region(
    number: int, name: str, frame_of_reference: UID, contours: list[Dataset]
) -> tuple[Dataset, Dataset, Dataset]:
    """Return the three items of a region: its name, its contours, and what it is."""
    region = Dataset()
    region.ROINumber = number
    region.ReferencedFrameOfReferenceUID = frame_of_reference
    region.ROIName = name
    region.ROIGenerationAlgorithm = "MANUAL"
    drawn = Dataset()
    drawn.ROIDisplayColor = list(_COLOURS[number % len(_COLOURS)])
    drawn.ReferencedROINumber = number
    if contours:
        drawn.ContourSequence = contours
    observation = Dataset()
    observation.ObservationNumber = number
    observation.ReferencedROINumber = number
    observation.RTROIInterpretedType = ""
    observation.ROIInterpreter = ""
    return region, drawn, observation


def _contours(series: Series, mask: Mask, spec: StructureSpec) -> list[Dataset]:
    """Return the contours of a mask (slice, row, column) with the margin of spec."""
    contours: list[Dataset] = []
    for index, image in enumerate(mask):
        source = None if spec.without_contour_images else series.datasets[index]
        for outlines in trace(image):
            parts = [join(outlines)] if spec.holes == "keyhole" else outlines
            has_holes = len(parts) > 1
            for outline in parts:
                ordered = outline if spec.clockwise else outline[::-1]
                if spec.closed:
                    ordered = np.concatenate([ordered, ordered[:1]])
                kind = (
                    "CLOSEDPLANAR_XOR" if has_holes and spec.holes == "closedplanar_xor" else "CLOSED_PLANAR"
                )
                contours.append(_contour(kind, _points(series, index, ordered, spec), source))
    if spec.contours == "shuffled":
        order = np.random.Generator(np.random.Philox(spec.seed)).permutation(len(contours))
        contours = [contours[place] for place in order]
    for number, contour in enumerate(contours, start=1):
        contour.ContourNumber = number
    return contours


def _points(series: Series, index: int, outline: Outline, spec: StructureSpec) -> NDArray[np.float64]:
    """Return LPS millimetres (point, 3) of an outline (point, 2) in the rows and columns of the masks."""
    in_plane = (outline - spec.margin) @ series.affine[:3, 1:3].T
    offset = spec.plane_offset_mm * series.spec.axes[:, 0]
    points: NDArray[np.float64] = series.spec.slice_positions_mm[index] + in_plane + offset
    return points


def _contour(kind: str, points_mm: NDArray[np.float64], source: Dataset | None) -> Dataset:
    """Return a contour through points (point, 3) in LPS millimetres."""
    contour = Dataset()
    if source is not None:
        contour.ContourImageSequence = [_image_reference(source)]
    contour.ContourGeometricType = kind
    contour.NumberOfContourPoints = len(points_mm)
    # Planning systems write few digits; a thousandth of a millimetre moves no centre across an outline.
    contour.ContourData = decimals(points_mm.ravel().round(3))
    return contour
