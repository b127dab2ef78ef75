"""Volumes of segments as a Comprehensive 3D SR by template TID 1500 (PS3.16), which refers to the segmentation."""

from collections.abc import Mapping, Sequence

from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from medgantry import __version__
from medgantry.dicom.export.segmentation import Algorithm, Segment
from medgantry.dicom.export.uid import uid_of

MILLILITRE = Code("mL", "UCUM", "milliliter")
_SERIES_NUMBER = 1001


def make_measurements(
    segmentation: Dataset,
    sources: Sequence[Dataset],
    segments: Sequence[Segment],
    volumes_ml: Mapping[str, float],
    algorithm: Algorithm,
) -> Dataset:
    """Write the volume of each segment that has a frame.

    Args:
        segmentation: The SEG that the volumes were measured in.
        sources: The slices it refers to.
        segments: Its segments, in their order.
        volumes_ml: Region -> volume in millilitres.
        algorithm: What made the masks.
    """
    device_uid = uid_of(f"device {algorithm.name} {algorithm.version}")
    observer = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=device_uid, manufacturer_name="Medgantry", model_name=algorithm.name
        ),
    )
    made_by = AlgorithmIdentification(name=algorithm.name, version=algorithm.version)
    groups = [
        VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=TrackingIdentifier(
                uid=uid_of(f"{segmentation.SOPInstanceUID} {number}"), identifier=segment.label
            ),
            # from_segmentation looks for the segment's number in each frame; of one segment it stands in the shared group.
            referenced_segment=ReferencedSegment(
                sop_class_uid=segmentation.SOPClassUID,
                sop_instance_uid=segmentation.SOPInstanceUID,
                segment_number=number,
                source_series=SourceSeriesForSegmentation(sources[0].SeriesInstanceUID),
            ),
            finding_type=segment.type,
            finding_category=segment.category,
            measurements=[
                Measurement(
                    name=codes.SCT.Volume,
                    value=round(volumes_ml[segment.region], 4),
                    unit=MILLILITRE,
                    algorithm_id=made_by,
                )
            ],
        )
        for number, segment in enumerate(segments, start=1)
        if volumes_ml[segment.region] > 0
    ]
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups or None,
        title=codes.DCM.ImagingMeasurementReport,
    )
    return Comprehensive3DSR(
        evidence=[segmentation, *sources],
        content=report[0],
        series_number=_SERIES_NUMBER,
        series_instance_uid=uid_of(f"report series {segmentation.SOPInstanceUID}"),
        sop_instance_uid=uid_of(f"report {segmentation.SOPInstanceUID}"),
        instance_number=1,
        manufacturer="Medgantry",
        is_complete=True,
        is_verified=False,
        manufacturer_model_name=algorithm.name,
        software_versions=__version__,
    )
