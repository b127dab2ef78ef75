"""Masks to a DICOM segmentation, with every flaw that the settings ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRLittleEndian, SegmentationStorage

from medgantry.phantoms.dicom.headers import code, decimals, start_dataset
from medgantry.phantoms.dicom.segmentation.spec import Occupancy, Segmentation, SegmentationSpec
from medgantry.phantoms.dicom.series import Mask, Series
from medgantry.phantoms.dicom.uids import make_uid

LABEL_MAP_STORAGE = UID("1.2.840.10008.5.1.4.1.1.66.7")
_BACKGROUND = 0


@dataclass(frozen=True, eq=False)
class _Frame:
    """One frame: number is the segment's, 0 for a label map; pixels are (row, column)."""

    number: int
    slice_index: int
    pixels: NDArray[np.uint8]


def make_segmentation(
    series: Series, masks: Mapping[str, Mask | Occupancy], spec: SegmentationSpec | None = None
) -> Segmentation:
    """Make a segmentation of a series.

    Args:
        series: What is segmented; its data sets may have been changed since.
        masks: By label, (slice along the normal, row, column) on the series' grid: boolean, or the occupancy
            in [0, 1] for a FRACTIONAL one. In a LABELMAP the later one covers the earlier.
        spec: What the segmentation is like; None: without a flaw.
    """
    spec = spec or SegmentationSpec()
    numbers = dict(zip(masks, spec.numbers or range(1, len(masks) + 1), strict=True))
    stored = {label: _stored(mask, spec) for label, mask in masks.items()}
    window = _window(stored, cropped=spec.cropped)
    frames = _frames(stored, numbers, spec, window)
    dataset = _start(series, spec)
    dataset.SegmentSequence = [_segment(label, number, spec) for label, number in numbers.items()]
    if spec.kind == "LABELMAP":
        dataset.SegmentSequence.insert(0, _segment("Background", _BACKGROUND, spec))
    _add_references(dataset, series, frames, spec)
    _add_dimensions(dataset, series, spec)
    shared = Dataset()
    per_frame = []
    for place, frame in enumerate(frames):
        is_off = place == 0 or spec.offset_frames == "all"
        offset_mm = spec.position_offset_mm if is_off else 0.0
        per_frame.append(_groups(frame, series, spec, window, offset_mm))
    for group in [shared] if spec.orientation_in == "shared" else per_frame:
        _add_geometry(group, series)
    if spec.unknown_instance:
        source = per_frame[0].DerivationImageSequence[0].SourceImageSequence[0]
        source.ReferencedSOPInstanceUID = make_uid(source.ReferencedSOPInstanceUID, "unknown")
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = per_frame
    _add_pixels(dataset, np.stack([frame.pixels for frame in frames]), spec)
    for keyword in spec.without:
        _remove(dataset, keyword)
    return Segmentation(dataset=dataset, masks=_truth(stored, spec), numbers=numbers)


def _stored(mask: Mask | Occupancy, spec: SegmentationSpec) -> NDArray[np.uint8]:
    """Return the stored values (slice, row, column) of a mask."""
    if spec.kind == "FRACTIONAL":
        return np.rint(np.asarray(mask, dtype=np.float64) * spec.maximum_fractional_value).astype(np.uint8)
    return np.asarray(mask, dtype=np.bool_).astype(np.uint8)


def _truth(stored: Mapping[str, NDArray[np.uint8]], spec: SegmentationSpec) -> dict[str, Mask | Occupancy]:
    """Return what a reader should find."""
    if spec.kind == "FRACTIONAL":
        return {label: mask / spec.maximum_fractional_value for label, mask in stored.items()}
    truth: dict[str, Mask | Occupancy] = {}
    for label, mask in stored.items():
        if spec.kind == "LABELMAP":
            truth = {other: earlier & (mask == 0) for other, earlier in truth.items()}
        truth[label] = mask > 0
    return truth


def _window(stored: Mapping[str, NDArray[np.uint8]], *, cropped: bool) -> tuple[slice, slice]:
    """Return the rows and columns that the frames show: all, or a margin of one pixel around the masks."""
    drawn = np.any(list(stored.values()), axis=(0, 1))
    if not cropped or not drawn.any():
        return slice(0, drawn.shape[0]), slice(0, drawn.shape[1])
    sides = []
    for axis in (1, 0):
        places = np.flatnonzero(drawn.any(axis=axis))
        sides.append(slice(max(int(places[0]) - 1, 0), int(places[-1]) + 2))
    return sides[0], sides[1]


def _frames(
    stored: Mapping[str, NDArray[np.uint8]],
    numbers: Mapping[str, int],
    spec: SegmentationSpec,
    window: tuple[slice, slice],
) -> list[_Frame]:
    """Return the frames in their order."""
    layers = {numbers[label]: mask for label, mask in stored.items()}
    if spec.kind == "LABELMAP":
        labels = np.zeros_like(next(iter(stored.values())))
        for number, mask in layers.items():
            labels[mask > 0] = number
        layers = {_BACKGROUND: labels}
    frames = [
        _Frame(number, index, image[window])
        for number, layer in layers.items()
        for index, image in enumerate(layer)
        if image.any() or not spec.omit_empty
    ]
    if spec.frames == "reversed":
        frames.reverse()
    elif spec.frames == "shuffled":
        order = np.random.Generator(np.random.Philox(spec.seed)).permutation(len(frames))
        frames = [frames[place] for place in order]
    return frames


def _start(series: Series, spec: SegmentationSpec) -> Dataset:
    """Return the data set with all that concerns neither frames nor references."""
    sop_class = LABEL_MAP_STORAGE if spec.kind == "LABELMAP" else SegmentationStorage
    series_uid = make_uid(series.spec.series_uid, "segmentation", spec.series_number)
    dataset = start_dataset(series.spec, sop_class, make_uid(series_uid, spec))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Modality = "SEG"
    dataset.SeriesInstanceUID = series_uid
    dataset.SeriesNumber = spec.series_number
    dataset.SeriesDescription = "Segmentation"
    dataset.InstanceNumber = 1
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentDate, dataset.ContentTime = series.spec.study_date, "120000"
    dataset.ContentLabel = "SEGMENTATION"
    dataset.ContentDescription = "Synthetic regions"
    dataset.ContentCreatorName = ""
    dataset.FrameOfReferenceUID = series.spec.frame_of_reference_uid
    if spec.other_frame_of_reference:
        dataset.FrameOfReferenceUID = make_uid(series.spec.frame_of_reference_uid, "another")
    dataset.PositionReferenceIndicator = ""
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.SegmentationType = spec.kind
    if spec.kind == "FRACTIONAL":
        dataset.SegmentationFractionalType = spec.fractional_type
        dataset.MaximumFractionalValue = spec.maximum_fractional_value
    dataset.SegmentsOverlap = "NO" if spec.kind == "LABELMAP" else "UNDEFINED"
    return dataset


def _segment(label: str, number: int, spec: SegmentationSpec) -> Dataset:
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = label
    item.SegmentAlgorithmType = "MANUAL"
    if number == _BACKGROUND and spec.kind == "LABELMAP":
        category = kind = code("125040", "DCM", "Background")
    elif any(word in label.lower() for word in ("mass", "lesion")):
        category = code("49755003", "SCT", "Morphologically Abnormal Structure")
        kind = code("4147007", "SCT", "Mass")
    else:
        category = code("123037004", "SCT", "Anatomical Structure")
        kind = code("10200004", "SCT", "Liver")
    item.SegmentedPropertyCategoryCodeSequence = [category]
    item.SegmentedPropertyTypeCodeSequence = [kind]
    return item


def _reference(source: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return item


def _add_references(dataset: Dataset, series: Series, frames: list[_Frame], spec: SegmentationSpec) -> None:
    """Say which instances the segmentation was made from."""
    instances = [_reference(source) for source in series.datasets]
    if spec.duplicated_instance:
        instances.append(_reference(series.datasets[frames[0].slice_index]))
    item = Dataset()
    item.SeriesInstanceUID = series.spec.series_uid
    if spec.other_series:
        item.SeriesInstanceUID = make_uid(series.spec.series_uid, "no such series")
    item.ReferencedInstanceSequence = instances
    dataset.ReferencedSeriesSequence = [item]


def _add_dimensions(dataset: Dataset, series: Series, spec: SegmentationSpec) -> None:
    """Say what DimensionIndexValues count: segments, where there are any, then positions."""
    organization = Dataset()
    organization.DimensionOrganizationUID = make_uid(dataset.SOPInstanceUID, "dimensions")
    dataset.DimensionOrganizationSequence = [organization]
    pairs = [("ImagePositionPatient", "PlanePositionSequence")]
    if spec.kind != "LABELMAP":
        pairs.insert(0, ("ReferencedSegmentNumber", "SegmentIdentificationSequence"))
    indices = []
    for pointer, group in pairs:
        index = Dataset()
        index.DimensionOrganizationUID = organization.DimensionOrganizationUID
        index.DimensionIndexPointer = tag_for_keyword(pointer)
        index.FunctionalGroupPointer = tag_for_keyword(group)
        indices.append(index)
    dataset.DimensionIndexSequence = indices


def _groups(
    frame: _Frame, series: Series, spec: SegmentationSpec, window: tuple[slice, slice], offset_mm: float
) -> Dataset:
    """Return the functional groups of a frame, except orientation and spacing; it is off by offset_mm."""
    corner = series.affine[:3, :3] @ [0.0, window[0].start, window[1].start]
    place = series.spec.slice_positions_mm[frame.slice_index] + corner
    place = place + offset_mm * series.spec.axes[:, 0]
    if spec.position_digits is not None:
        place = np.array([float(f"{value:.{spec.position_digits}g}") for value in place])
    position = Dataset()
    position.ImagePositionPatient = decimals(place)
    content = Dataset()
    content.DimensionIndexValues = [frame.slice_index + 1]
    source = _reference(series.datasets[frame.slice_index])
    source.SpatialLocationsPreserved = "NO" if spec.cropped else "YES"
    source.PurposeOfReferenceCodeSequence = [
        code("121322", "DCM", "Source image for image processing operation")
    ]
    derivation = Dataset()
    derivation.DerivationCodeSequence = [code("113076", "DCM", "Segmentation")]
    derivation.SourceImageSequence = [source]
    groups = Dataset()
    groups.FrameContentSequence = [content]
    groups.PlanePositionSequence = [position]
    groups.DerivationImageSequence = [derivation]
    if spec.kind != "LABELMAP":
        identification = Dataset()
        identification.ReferencedSegmentNumber = frame.number
        groups.SegmentIdentificationSequence = [identification]
        content.DimensionIndexValues = [frame.number, frame.slice_index + 1]
    return groups


def _add_geometry(group: Dataset, series: Series) -> None:
    measures = Dataset()
    measures.PixelSpacing = decimals(series.spec.pixel_spacing_mm)
    measures.SliceThickness = decimals([series.spec.slice_thickness_mm])[0]
    measures.SpacingBetweenSlices = decimals([series.spec.slice_spacing_mm])[0]
    plane = Dataset()
    plane.ImageOrientationPatient = decimals(series.spec.orientation)
    group.PixelMeasuresSequence = [measures]
    group.PlaneOrientationSequence = [plane]


def _add_pixels(dataset: Dataset, pixels: NDArray[np.uint8], spec: SegmentationSpec) -> None:
    """Add the pixels (frame, row, column); those of a BINARY one are packed across frames, without gaps."""
    bits = 1 if spec.kind == "BINARY" else 8
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = len(pixels)
    dataset.Rows, dataset.Columns = pixels.shape[1:]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    content = np.packbits(pixels, bitorder="little").tobytes() if bits == 1 else pixels.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB"


def _remove(dataset: Dataset, keyword: str) -> None:
    """Remove an attribute here and in all sequences."""
    if keyword in dataset:
        delattr(dataset, keyword)
    for element in dataset:
        if isinstance(element.value, DicomSequence):
            for item in element.value:
                _remove(item, keyword)
