"""Damage to what stands in sequences, of multi-frame images, segmentations and structure sets."""

from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import JPEGLSLossless, RLELossless

from medgantry.phantoms.dicom.raw import set_raw
from medgantry.phantoms.dicom.segmentation import SegmentationSpec, example_masks, make_segmentation
from medgantry.phantoms.dicom.series import make_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.phantoms.dicom.structures import StructureSpec, make_structures
from tests.medgantry.dicom import mutations
from tests.medgantry.dicom.mutations import EITHER, NO_NUMBERS, OK, REJECTED, Base, Draw, Mutation, as_bytes

SERIES = make_series(SeriesSpec(slices=6, rows=24, columns=20))
"""What the objects were drawn on."""
_SEGMENTATIONS = {
    "SEG": SegmentationSpec(),
    "SEG cropped": SegmentationSpec(cropped=True, orientation_in="per-frame"),
    "SEG fractional": SegmentationSpec(kind="FRACTIONAL", maximum_fractional_value=100),
    "SEG label map": SegmentationSpec(kind="LABELMAP"),
    "SEG label map RLE": SegmentationSpec(kind="LABELMAP"),
    "SEG label map JPEG-LS": SegmentationSpec(kind="LABELMAP"),
}
OBJECTS = (*_SEGMENTATIONS, "RTSTRUCT", "RTSTRUCT keyhole")
_PACKED = {"RLE": RLELossless, "JPEG-LS": JPEGLSLossless}

NUMBERS = {
    "ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2, "RescaleSlope": 1,
    "RescaleIntercept": 1, "ContourData": 0,
}  # fmt: skip
"""Decimal strings, and how many values they have; 0 is any multiple of three."""
KEYS = (
    "SegmentNumber",
    "ReferencedSegmentNumber",
    "ROINumber",
    "NumberOfContourPoints",
    "ContourGeometricType",
)
"""What belongs together by a number or a term."""
REFERENCES = (
    "ReferencedSOPInstanceUID",
    "ReferencedFrameOfReferenceUID",
    "SeriesInstanceUID",
    "SpatialLocationsPreserved",
)
FREE = (
    "SegmentLabel", "SegmentAlgorithmType", "CodeMeaning", "CodeValue", "ROIName", "ROIGenerationAlgorithm",
    "ROIDisplayColor", "ObservationNumber", "DimensionIndexValues", "FrameAcquisitionNumber", "StackID",
    "InStackPositionNumber", "FrameType", "SliceThickness", "SpacingBetweenSlices", "RescaleType",
    "ContourNumber", "RTROIInterpretedType", "FrameAcquisitionDateTime",
)  # fmt: skip
TOP = (
    "SegmentSequence", "PerFrameFunctionalGroupsSequence", "Rows", "Columns", "NumberOfFrames", "BitsAllocated",
    "PixelData", "SegmentationType", "MaximumFractionalValue", "StructureSetROISequence", "ROIContourSequence",
)  # fmt: skip
MAYBE = (
    "SharedFunctionalGroupsSequence",
    "FrameOfReferenceUID",
    "ReferencedSeriesSequence",
    "SOPInstanceUID",
)


@cache
def make_object(name: str) -> Base:
    """One of OBJECTS; its voxels are the codes that painting gives: 1 and 2 for the first and second structure."""
    masks = example_masks(SERIES)
    if name.startswith("SEG"):
        dataset = make_segmentation(SERIES, masks, _SEGMENTATIONS[name]).dataset
        for word, syntax in _PACKED.items():
            if name.endswith(word):
                dataset.compress(syntax, generate_instance_uid=False)
    else:
        spec = StructureSpec(holes="keyhole") if name.endswith("keyhole") else StructureSpec()
        dataset = make_structures(SERIES, list(masks.items()), spec).dataset
    codes = np.zeros(SERIES.voxels.shape, np.uint16)
    for number, mask in enumerate(masks.values()):
        codes[mask] |= 1 << number
    return Base(
        name=name, modality=dataset.Modality, files=(as_bytes(dataset),), voxels=codes, affine=SERIES.affine
    )


Kind = Callable[[Draw], Mutation | None]


def _inside(dataset: Dataset, top: bool = True) -> Iterator[tuple[Dataset, str]]:
    """Every attribute in sequences, with the data set that holds it."""
    for element in dataset:
        if isinstance(element.value, DicomSequence):
            for item in element.value:
                yield from _inside(item, top=False)
        elif not top:
            yield dataset, element.keyword


def _edit(draw: Draw, keywords) -> tuple[Dataset, Dataset, str] | None:
    """The object, and one place in it."""
    if draw.file.syntax not in ("1.2.840.10008.1.2.1", *mutations.ENCAPSULATED) or draw.base.several:
        return None
    dataset = dcmread(BytesIO(draw.data))
    places = [(holder, keyword) for holder, keyword in _inside(dataset) if keyword in keywords]
    kinds = sorted({keyword for _, keyword in places})
    if not kinds:
        return None
    wanted = draw.rng.choice(kinds)
    holder, keyword = draw.rng.choice([place for place in places if place[1] == wanted])
    return dataset, holder, keyword


def inner_number(draw: Draw) -> Mutation | None:
    """NaN, infinity, garbage, too many or too few values."""
    found = _edit(draw, NUMBERS)
    if found is None:
        return None
    dataset, holder, keyword = found
    parts = str(holder[keyword].value).strip("[]").replace("'", "").split(", ")
    what = draw.rng.choice(["removed", "empty", "fewer", "more", *["bad"] * 4])
    expected = REJECTED
    if what == "removed":
        delattr(holder, keyword)
        expected = REJECTED if keyword == "ContourData" or draw.base.image else EITHER
    else:
        bad = draw.rng.choice(NO_NUMBERS)
        place = draw.rng.randrange(len(parts))
        values = [part.encode() for part in parts]
        if what == "bad":
            values[place] = bad
            what = repr(bad)
        values = {"empty": [], "fewer": values[:-1], "more": [*values, b"1"]}.get(what, values)
        if what == "empty" and not draw.base.image and keyword != "ContourData":
            expected = EITHER
        set_raw(holder, keyword, b"\\".join(values))
    return draw.made(f"inner number: {what} {keyword}", expected, as_bytes(dataset))


def inner_key(draw: Draw) -> Mutation | None:
    found = _edit(draw, KEYS)
    if found is None:
        return None
    dataset, holder, keyword = found
    if draw.rng.random() < 0.3:
        delattr(holder, keyword)
        # Frames without a segment are those of a label map; the number of points is there to be checked only.
        expected = EITHER if keyword == "NumberOfContourPoints" else REJECTED
        return draw.made(f"inner key: no {keyword}", expected, as_bytes(dataset))
    value = draw.rng.choice(
        [b"", b"\x63\0", b"\1", b"\0\0\0\0", b"NaN ", b"99999999999 ", b"-7", b"\xff\xff", b"1_1"]
    )
    set_raw(holder, keyword, value)
    empty = keyword == "NumberOfContourPoints" and not value.strip(b"\0 ")
    # Of a label map's background nobody needs the number.
    background = keyword == "SegmentNumber" and "label map" in draw.base.name
    expected = EITHER if empty or background else REJECTED
    return draw.made(f"inner key: {value!r} in {keyword}", expected, as_bytes(dataset))


def inner_reference(draw: Draw) -> Mutation | None:
    found = _edit(draw, REFERENCES)
    if found is None:
        return None
    dataset, holder, keyword = found
    set_raw(holder, keyword, draw.rng.choice([b"", b"1.2.3", draw.noise(20), b"1.2\\1.3"]))
    return draw.made(f"inner reference: {keyword}", EITHER, as_bytes(dataset))


def inner_free(draw: Draw) -> Mutation | None:
    found = _edit(draw, FREE)
    if found is None:
        return None
    dataset, holder, keyword = found
    if draw.rng.random() < 0.3:
        delattr(holder, keyword)
    else:
        set_raw(holder, keyword, draw.rng.choice([*NO_NUMBERS, draw.noise(30), b"", b"x" * 500]))
    return draw.made(f"inner free: {keyword}", OK, as_bytes(dataset))


def top_attribute(draw: Draw) -> Mutation | None:
    """What a mask cannot be read without is gone, empty or something else."""
    if draw.base.image:
        return None
    found = draw.one_of([*TOP, *MAYBE])
    if found is None:
        return None
    expected = EITHER if found.keyword in MAYBE else REJECTED
    if "label map" in draw.base.name and found.keyword == "BitsAllocated":
        expected = EITHER  # JPEG-LS says itself how wide its values are
    if draw.rng.random() < 0.3:
        return draw.made(f"top removed: {found.keyword}", expected, draw.file.without(found.keyword))
    values = [b"", b"NaN ", b"\xff\xff", b"\0\0", b"\1\0", b"60000 ", b"2147483647", b"-1", draw.noise(40)]
    value = draw.rng.choice(values)
    if value == draw.file.value(found.keyword):
        return None
    return draw.made(
        f"top value: {value[:12]!r} in {found.keyword}", expected, draw.file.replaced(found.keyword, value)
    )


def item_lost(draw: Draw) -> Mutation | None:
    """An item of a sequence is gone to which others refer."""
    if draw.base.several:
        return None
    dataset = dcmread(BytesIO(draw.data))
    names = (
        "PerFrameFunctionalGroupsSequence",
        "SegmentSequence",
        "StructureSetROISequence",
        "ROIContourSequence",
    )
    there = [name for name in names if dataset.get(name)]
    if not there:
        return None
    name = draw.rng.choice(there)
    place = draw.rng.randrange(len(dataset[name].value))
    doubled = draw.rng.random() < 0.3
    if doubled:
        dataset[name].value.append(dataset[name].value[place])
    else:
        del dataset[name].value[place]
    # The background of a label map needs no description.
    expected = (
        EITHER if "label map" in draw.base.name and name == "SegmentSequence" and place == 0 else REJECTED
    )
    return draw.made(f"item {'doubled' if doubled else 'lost'}: {name}", expected, as_bytes(dataset))


_OUTER = (
    mutations.free_bytes, mutations.free_value, mutations.free_removed, mutations.preamble, mutations.added,
    mutations.nothing, mutations.too_long, mutations.wrong_length, mutations.undefined_length, mutations.cut,
    mutations.inserted, mutations.deleted, mutations.zeroed, mutations.flipped, mutations.nested,
    mutations.item_length, mutations.transfer_syntax,
)  # fmt: skip
_INNER = (inner_number, inner_key, inner_reference, inner_free, top_attribute, item_lost)
OBJECT_KINDS: list[tuple[int, Kind]] = [*((1, kind) for kind in _OUTER), *((3, kind) for kind in _INNER)]
MULTI_FRAME_KINDS: list[tuple[int, Kind]] = [(3, inner_number), (2, inner_free), (1, item_lost)]
