"""One slice: a single-frame file, or one frame of an enhanced multi-frame file (PS3.3 C.7.6.16)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from medgantry.dicom.deidentification.vocabulary import shown_term
from medgantry.dicom.header import Attributes, DatasetAttributes, Header, value_items
from medgantry.ledger import Unusable

COMPLETE = "every slice has its geometry"
FARTHEST_MM = 1e6
"""No scanner is larger; numbers beyond overflow on the way to an affine."""
STEEPEST = 1e12
"""No unit needs a larger slope or intercept; beyond, values overflow."""
_GEOMETRY = (
    ("ImagePositionPatient", 3, "PlanePositionSequence"),
    ("ImageOrientationPatient", 6, "PlaneOrientationSequence"),
    ("PixelSpacing", 2, "PixelMeasuresSequence"),
)
MARKS = (
    ("AcquisitionNumber", ""),
    ("TemporalPositionIdentifier", ""),
    ("TemporalPositionIndex", "FrameContentSequence"),
    ("StackID", "FrameContentSequence"),
    ("EchoTime", ""),
    ("EffectiveEchoTime", "MREchoSequence"),
    ("DiffusionBValue", "MRDiffusionSequence"),
    ("TriggerTime", ""),
    ("ImageType", ""),
)
"""What may tell apart slices at one position: another acquisition, time point, echo or weighting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelFormat:
    """How stored values lie in a file (PS3.3 C.7.6.3.1)."""

    rows: int
    columns: int
    frames: int
    kind: str
    """`u` or `i` for whole numbers, `f` for FloatPixelData and DoubleFloatPixelData."""
    bits_allocated: int
    bits_stored: int
    high_bit: int
    photometric: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Where one slice lies and how its values are read. Lengths in mm, LPS+ patient coordinates."""

    path: Path
    pixels_at: int
    transfer_syntax: str
    index: int
    """Number of the frame in its file, from 0."""
    sop_instance_uid: str
    frame_of_reference_uid: str
    pixels: PixelFormat
    position_mm: tuple[float, float, float]
    """Centre of the first voxel."""
    orientation: tuple[float, ...]
    """Direction cosines: of increasing column (3), then of increasing row (3)."""
    pixel_spacing_mm: tuple[float, float]
    """Between rows, between columns."""
    rescale: tuple[float, float] | None
    """Slope and intercept; None when the file says none."""
    padding: tuple[int, int] | None
    """First and last stored value that means 'no data here'."""
    localizer: bool


def read_frames(header: Header) -> list[Frame]:
    """All slices of an image file.

    Raises:
        Unusable: If geometry or the description of the pixels is missing or makes no sense.
    """
    pixels = _pixel_format(header)
    return [
        _frame(header, pixels, index, groups) for index, groups in enumerate(_groups(header, pixels.frames))
    ]


def marks_of(header: Header) -> list[tuple[str, ...]]:
    """What may tell each slice of a file from another at the same position: values in the order of `MARKS`."""
    groups = _groups(header, header.whole("NumberOfFrames") or 1)
    return [tuple(group.find(keyword, place).text(keyword) for keyword, place in MARKS) for group in groups]


def is_localizer(header: Header) -> bool:
    """Whether the file says that it is a scout."""
    return "LOCALIZER" in header.text("ImageType").upper().split("\\")


def _pixel_format(header: Header) -> PixelFormat:
    if "MOSAIC" in header.text("ImageType").upper().split("\\"):
        raise Unusable(
            "a frame is one slice", "it is a mosaic", "Export it as an enhanced multi-frame series."
        )
    if not header.pixel_keyword:
        raise Unusable("an image has pixels", "there is no pixel data", "Fetch the series again.")
    rows, columns = _needed(header, "Rows"), _needed(header, "Columns")
    if (header.whole("SamplesPerPixel") or 1) != 1 or header.text("PhotometricInterpretation") not in (
        "MONOCHROME1",
        "MONOCHROME2",
    ):
        found = shown_term("PhotometricInterpretation", header.text("PhotometricInterpretation"))
        raise Unusable("a voxel is one grey value", found, "Choose series of grey images in `select`.")
    allocated = _needed(header, "BitsAllocated")
    if header.pixel_keyword != "PixelData":
        kind, stored, high = "f", allocated, allocated - 1
    else:
        kind = "ui"[_needed(header, "PixelRepresentation", least=0, most=1)]
        stored = _needed(header, "BitsStored", most=allocated)
        # A value higher up in its word was allowed once (PS3.5-2014 and before); a damaged depth looks the same.
        high = _needed(header, "HighBit", least=stored - 1, most=stored - 1)
    if allocated not in ((32, 64) if kind == "f" else (8, 16, 32)):
        raise Unusable("BitsAllocated is 8, 16 or 32", str(allocated), "Convert the series.")
    return PixelFormat(
        rows=rows,
        columns=columns,
        frames=_needed(header, "NumberOfFrames") if header.whole("NumberOfFrames") is not None else 1,
        kind=kind,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        photometric=header.text("PhotometricInterpretation"),
    )


def _needed(header: Header, keyword: str, least: int = 1, most: int = 65535) -> int:
    value = header.whole(keyword)
    if value is None or not least <= value <= most:
        raise Unusable(f"{keyword} is {least} to {most}", str(value), "Export the series again.")
    return value


class _Groups:
    """The functional groups that hold for one frame: its own first, the shared ones after (PS3.3 C.7.6.16.1.1)."""

    def __init__(self, places: Sequence[Dataset], top: Attributes) -> None:
        self._places, self._top = places, top

    def find(self, keyword: str, sequence: str) -> Attributes:
        """Where an attribute stands, inside its group or at the top."""
        for place in self._places:
            items = value_items(place, sequence) if sequence else ()
            if items and keyword in items[0]:
                return DatasetAttributes(items[0])
        return self._top


def _groups(header: Header, frames: int) -> Iterator[_Groups]:
    own: Sequence[Dataset] = ()
    shared: Sequence[Dataset] = ()
    if header.has("PerFrameFunctionalGroupsSequence") or header.has("SharedFunctionalGroupsSequence"):
        own = value_items(header.dataset, "PerFrameFunctionalGroupsSequence")
        shared = value_items(header.dataset, "SharedFunctionalGroupsSequence")
    if len(own) != frames and (own or frames > 1):
        raise Unusable(
            "a multi-frame file describes each frame",
            f"{frames} frames, {len(own)} described",
            "Export it as an enhanced or as single-frame files.",
        )
    for index in range(frames):
        yield _Groups([*([own[index]] if own else []), *([shared[0]] if shared else [])], header)


def _frame(header: Header, pixels: PixelFormat, index: int, groups: _Groups) -> Frame:
    geometry: dict[str, tuple[float, ...]] = {}
    for keyword, count, sequence in _GEOMETRY:
        numbers = groups.find(keyword, sequence).numbers(keyword)
        if len(numbers) != count:
            raise Unusable(
                COMPLETE, f"{keyword} has {len(numbers)} of {count} values", "Export it with its geometry."
            )
        if max(map(abs, numbers)) > FARTHEST_MM:
            raise Unusable(f"{keyword} is possible", str(numbers), "Export it with its geometry.")
        geometry[keyword] = numbers
    spacing = geometry["PixelSpacing"]
    if min(spacing) < 1 / FARTHEST_MM:
        raise Unusable("PixelSpacing is positive", str(spacing), "Export the series again.")
    position = geometry["ImagePositionPatient"]
    return Frame(
        path=header.path,
        pixels_at=header.pixels_at,
        transfer_syntax=header.transfer_syntax,
        index=index,
        sop_instance_uid=header.text("SOPInstanceUID"),
        frame_of_reference_uid=header.text("FrameOfReferenceUID"),
        pixels=pixels,
        position_mm=(position[0], position[1], position[2]),
        orientation=geometry["ImageOrientationPatient"],
        pixel_spacing_mm=(spacing[0], spacing[1]),
        rescale=_rescale(header, groups),
        padding=_padding(header, pixels),
        localizer=is_localizer(header),
    )


def _rescale(header: Header, groups: _Groups) -> tuple[float, float] | None:
    if header.has("ModalityLUTSequence"):
        raise Unusable(
            "values are rescaled linearly",
            "there is a Modality LUT",
            "Export the series with a linear rescale.",
        )
    pair = []
    for keyword in ("RescaleSlope", "RescaleIntercept"):
        pair.append(groups.find(keyword, "PixelValueTransformationSequence").numbers(keyword))
    if pair == [(), ()]:
        return None
    if (
        any(len(numbers) != 1 or abs(numbers[0]) > STEEPEST for numbers in pair)
        or abs(pair[0][0]) < 1 / STEEPEST
    ):
        raise Unusable(
            "slope and intercept are one number each, the slope not 0", str(pair), "Export the series again."
        )
    return pair[0][0], pair[1][0]


def _padding(header: Header, pixels: PixelFormat) -> tuple[int, int] | None:
    first = header.whole("PixelPaddingValue")
    if first is None:
        return None
    last = header.whole("PixelPaddingRangeLimit")
    last = first if last is None else last
    if pixels.kind == "i":  # its VR follows PixelRepresentation, which writers get wrong
        wrap = 1 << pixels.bits_allocated
        first, last = ((value - wrap if value >= wrap // 2 else value) for value in (first, last))
    return min(first, last), max(first, last)
