"""Enhanced multi-frame images: all slices of a series in one instance."""

from collections.abc import Sequence

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID, EnhancedCTImageStorage, EnhancedMRImageStorage

from medgantry.phantoms.dicom.headers import decimals, start_dataset
from medgantry.phantoms.dicom.pixels import set_pixels
from medgantry.phantoms.dicom.series import Series
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.phantoms.dicom.uids import make_uid

_SOP_CLASSES: dict[str, UID] = {"CT": EnhancedCTImageStorage, "MR": EnhancedMRImageStorage}
_FRAME_TYPES = {"CT": "CTImageFrameTypeSequence", "MR": "MRImageFrameTypeSequence"}


def make_multiframe(series: Series, *, order: Sequence[int] | None = None, shared: bool = True) -> Dataset:
    """Make one enhanced CT or MR image of a series.

    Args:
        series: CT or MR.
        order: The slices, counted along the normal, in the order of the frames; None: as they are. A slice
            that is not named is left out.
        shared: Orientation, spacing and rescaling stand in the shared functional groups; otherwise in the
            groups of every frame.
    """
    spec = series.spec
    frames = list(range(spec.slices) if order is None else order)
    dataset = start_dataset(spec, _SOP_CLASSES[spec.modality], make_uid(spec.series_uid, "multi-frame"))
    _add_image(dataset, spec, len(frames))
    common, per_frame = Dataset(), [_frame(spec, index) for index in frames]
    for group, index in [(common, 0)] if shared else list(zip(per_frame, frames, strict=True)):
        _add_geometry(group, spec)
        _add_transformation(group, spec, index)
    if shared and len(set(spec.slopes)) > 1:
        del common.PixelValueTransformationSequence
        for group, index in zip(per_frame, frames, strict=True):
            _add_transformation(group, spec, index)
    frame_type = Dataset()
    frame_type.FrameType = list(spec.image_type) + ["NONE"] * (4 - len(spec.image_type))
    frame_type.PixelPresentation = "MONOCHROME"
    frame_type.VolumetricProperties = "VOLUME"
    frame_type.VolumeBasedCalculationTechnique = "NONE"
    setattr(common, _FRAME_TYPES[spec.modality], [frame_type])
    dataset.SharedFunctionalGroupsSequence = [common]
    dataset.PerFrameFunctionalGroupsSequence = per_frame
    set_pixels(
        dataset, series.stored[frames], spec.pixels,
        transfer_syntax=spec.transfer_syntax, photometric=spec.photometric,
    )  # fmt: skip
    return dataset


def _add_image(dataset: Dataset, spec: SeriesSpec, frames: int) -> None:
    """Add what holds for the whole instance."""
    dataset.InstanceNumber = spec.instance_number_start
    dataset.NumberOfFrames = frames
    dataset.ImageType = list(spec.image_type) + ["NONE"] * (4 - len(spec.image_type))
    dataset.ContentDate, dataset.ContentTime = spec.study_date, "101530"
    dataset.AcquisitionDateTime = f"{spec.study_date}101530"
    dataset.AcquisitionDuration = 4.0
    dataset.PatientPosition = "HFS"
    dataset.PositionReferenceIndicator = ""
    dataset.FrameOfReferenceUID = spec.frame_of_reference_uid
    dataset.ContentQualification = "RESEARCH"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.AcquisitionContextSequence = []
    organization = Dataset()
    organization.DimensionOrganizationUID = make_uid(spec.series_uid, "dimensions")
    dataset.DimensionOrganizationSequence = [organization]
    indices = []
    for keyword in ("StackID", "InStackPositionNumber"):
        index = Dataset()
        index.DimensionOrganizationUID = organization.DimensionOrganizationUID
        index.DimensionIndexPointer = tag_for_keyword(keyword)
        index.FunctionalGroupPointer = tag_for_keyword("FrameContentSequence")
        indices.append(index)
    dataset.DimensionIndexSequence = indices


def _frame(spec: SeriesSpec, index: int) -> Dataset:
    """Return the functional groups of a frame that differ from frame to frame."""
    content = Dataset()
    content.StackID = "1"
    content.InStackPositionNumber = index + 1
    content.DimensionIndexValues = [1, index + 1]
    content.FrameAcquisitionNumber = 1
    content.FrameAcquisitionDateTime = content.FrameReferenceDateTime = f"{spec.study_date}101530"
    content.FrameAcquisitionDuration = 200.0
    position = Dataset()
    position.ImagePositionPatient = decimals(spec.slice_positions_mm[index])
    frame = Dataset()
    frame.FrameContentSequence = [content]
    frame.PlanePositionSequence = [position]
    return frame


def _add_geometry(group: Dataset, spec: SeriesSpec) -> None:
    measures = Dataset()
    measures.PixelSpacing = decimals(spec.pixel_spacing_mm)
    measures.SliceThickness = decimals([spec.slice_thickness_mm])[0]
    plane = Dataset()
    plane.ImageOrientationPatient = decimals(spec.orientation)
    group.PixelMeasuresSequence = [measures]
    group.PlaneOrientationSequence = [plane]


def _add_transformation(group: Dataset, spec: SeriesSpec, index: int) -> None:
    """Add the rescaling of a slice; enhanced images always have one."""
    transformation = Dataset()
    transformation.RescaleSlope = decimals([spec.slopes[index]])[0]
    transformation.RescaleIntercept = decimals([spec.intercept])[0]
    transformation.RescaleType = "HU" if spec.modality == "CT" else "US"
    group.PixelValueTransformationSequence = [transformation]
