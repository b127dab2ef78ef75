"""Masks as a DICOM Segmentation (PS3.3 A.51) in the geometry of the series that they were made from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from medgantry import __version__
from medgantry.dicom.export.uid import uid_of
from medgantry.errors import InvalidBundle, InvalidInput, Mismatch
from medgantry.fingerprint import canonical_json

SEGMENT_KEY = "segments"
"""Key of a bundle's metadata.json: region -> label, category and type, each code as [value, scheme, meaning]."""
_SERIES_NUMBER = 1000
_PLACE_TOLERANCE_MM = 0.05
_TYPE_2 = (
    "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime StudyID AccessionNumber "
    "ReferringPhysicianName PositionReferenceIndicator"
)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """How one region is called in DICOM."""

    region: str
    label: str
    category: Code
    type: Code


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """What made the masks (PS3.3 10.16)."""

    name: str
    version: str


def segments_of(metadata: Mapping[str, Any], regions: Sequence[str]) -> list[Segment]:
    """The coded segments that a bundle's metadata gives its regions.

    Raises:
        InvalidBundle: If a region has none, or a code is incomplete.
    """
    described = metadata.get(SEGMENT_KEY, {})
    missing = [name for name in regions if name not in described]
    if missing:
        raise InvalidBundle(
            f"metadata.json must say in {SEGMENT_KEY!r} what {missing} are in DICOM, found {sorted(described)}.",
            'Add for each: {"label": "...", "category": [value, scheme, meaning], "type": [value, scheme, meaning]}.',
        )
    found = []
    for name in regions:
        try:
            entry = described[name]
            category, kind = (Code(*entry[key]) for key in ("category", "type"))
            found.append(Segment(region=name, label=str(entry["label"]), category=category, type=kind))
        except (KeyError, TypeError) as error:
            raise InvalidBundle(
                f"metadata.json: {SEGMENT_KEY} of {name} must have label, category and type: {error!r}."
            ) from error
    return found


def make_segmentation(
    sources: Sequence[Dataset],
    masks: Mapping[str, NDArray[np.bool_]],
    segments: Sequence[Segment],
    algorithm: Algorithm,
    affine: NDArray[np.float64],
) -> Dataset:
    """Write masks as a SEG.

    Args:
        sources: The slices, without pixels; ascending along the normal.
        masks: Region -> mask (slice, row, column), in the order of the slices.
        segments: How regions are called.
        algorithm: What made the masks.
        affine: 4x4, (column, row, slice) index -> RAS+ mm, of the masks.

    Raises:
        Mismatch: If the masks do not lie on the slices.
    """
    stacked = np.stack([masks[segment.region] for segment in segments], axis=-1).astype(np.uint8)
    _check_place(sources, stacked.shape, affine)
    identity = _content_uid(sources, stacked, segments, algorithm)
    made_by = AlgorithmIdentificationSequence(
        name=algorithm.name, family=codes.cid7162.ArtificialIntelligence, version=algorithm.version
    )
    descriptions = [
        SegmentDescription(
            segment_number=number,
            segment_label=segment.label,
            segmented_property_category=segment.category,
            segmented_property_type=segment.type,
            algorithm_type="AUTOMATIC",
            algorithm_identification=made_by,
        )
        for number, segment in enumerate(segments, start=1)
    ]
    return Segmentation(
        source_images=[_complete(dataset) for dataset in sources],
        pixel_array=stacked,
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        series_instance_uid=uid_of(f"series {identity}"),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=uid_of(f"instance {identity}"),
        instance_number=1,
        manufacturer="Medgantry",
        manufacturer_model_name=algorithm.name,
        software_versions=__version__,
        device_serial_number=algorithm.version,
        content_label="SEGMENTATION",
        content_description=f"{algorithm.name}. Research use."[:64],
    )


def _check_place(sources: Sequence[Dataset], shape: tuple[int, ...], affine: NDArray[np.float64]) -> None:
    if len(sources) != shape[0] or (sources[0].Rows, sources[0].Columns) != shape[1:3]:
        raise Mismatch(
            f"Masks of {shape[:3]} were to lie on {len(sources)} slices of {sources[0].Rows} x {sources[0].Columns}.",
            "The series was resampled by a repair: predict on one that was not.",
        )
    wanted = np.array([dataset.ImagePositionPatient for dataset in sources], dtype=float)
    corners = np.array([[0, 0, index, 1] for index in range(shape[0])], dtype=float)
    found = (affine @ corners.T)[:3].T * [-1, -1, 1]
    off = float(np.abs(found - wanted).max())
    if off > _PLACE_TOLERANCE_MM + 0.04 * float(np.linalg.norm(affine[:3, 2])):
        raise Mismatch(
            f"The masks lie {off:.3f} mm off their slices.", "Predict on the cohort that was ingested."
        )


def _complete(dataset: Dataset) -> Dataset:
    """With the attributes that must be there but may be empty, which de-identification may have removed."""
    for keyword in _TYPE_2.split():
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    if not dataset.get("FrameOfReferenceUID"):
        raise InvalidInput("A segmentation needs slices with a FrameOfReferenceUID, found none.")
    return dataset


def _content_uid(
    sources: Sequence[Dataset],
    stacked: NDArray[np.uint8],
    segments: Sequence[Segment],
    algorithm: Algorithm,
) -> str:
    """The same masks by the same names on the same series are the same object: sent again, a PACS keeps one."""
    digest = hashlib.sha256(f"{algorithm.name} {algorithm.version}".encode())
    named = [[segment.label, list(segment.category), list(segment.type)] for segment in segments]
    digest.update(canonical_json(named).encode())
    digest.update("".join(dataset.SOPInstanceUID for dataset in sources).encode())
    digest.update(np.packbits(stacked).tobytes())
    return digest.hexdigest()
