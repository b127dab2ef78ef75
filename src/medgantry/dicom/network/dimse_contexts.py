"""Which objects and encodings are proposed to a peer: an association has room for 128 pairs.

A peer picks one encoding per pair, so data come as they are stored only if each encoding is proposed alone.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydicom import uid as syntax
from pynetdicom import sop_class
from pynetdicom.presentation import build_context

MAX_CONTEXTS = 128
"""Presentation contexts that fit into an association."""

UNCOMPRESSED = (syntax.ExplicitVRLittleEndian, syntax.ImplicitVRLittleEndian)
"""Differ in how attributes are spelled, not in pixels: where room is scarce, one pair for both."""
_COMMON = (
    syntax.JPEGLosslessSV1,
    syntax.JPEG2000Lossless,
    syntax.JPEG2000,
    syntax.JPEGLSLossless,
    syntax.RLELossless,
    syntax.JPEGBaseline8Bit,
)
_RARE = (
    syntax.DeflatedExplicitVRLittleEndian,
    syntax.ExplicitVRBigEndian,
    syntax.JPEGExtended12Bit,
    syntax.JPEGLossless,
    syntax.JPEGLSNearLossless,
    syntax.HTJ2KLossless,
    syntax.HTJ2KLosslessRPCL,
    syntax.HTJ2K,
)
ENCODINGS = (*UNCOMPRESSED, *_COMMON, *_RARE)
"""Every encoding of images and objects that is asked for."""

_OF_MODALITY = {
    "CT": ("CTImageStorage", "EnhancedCTImageStorage", "LegacyConvertedEnhancedCTImageStorage"),
    "MR": ("MRImageStorage", "EnhancedMRImageStorage", "LegacyConvertedEnhancedMRImageStorage"),
    "PT": (
        "PositronEmissionTomographyImageStorage",
        "EnhancedPETImageStorage",
        "LegacyConvertedEnhancedPETImageStorage",
    ),
    "NM": ("NuclearMedicineImageStorage",),
    "CR": ("ComputedRadiographyImageStorage", "DigitalXRayImageStorageForPresentation"),
    "DX": ("DigitalXRayImageStorageForPresentation", "DigitalXRayImageStorageForProcessing"),
    "MG": (
        "DigitalMammographyXRayImageStorageForPresentation",
        "DigitalMammographyXRayImageStorageForProcessing",
        "BreastTomosynthesisImageStorage",
    ),
    "US": ("UltrasoundImageStorage", "UltrasoundMultiFrameImageStorage", "EnhancedUSVolumeStorage"),
    "SEG": ("SegmentationStorage", "LabelMapSegmentationStorage"),
    "RTSTRUCT": ("RTStructureSetStorage",),
    "XA": ("XRayAngiographicImageStorage", "EnhancedXAImageStorage", "XRay3DAngiographicImageStorage"),
    "RF": ("XRayRadiofluoroscopicImageStorage",),
    "XC": ("VLPhotographicImageStorage", "DermoscopicPhotographyImageStorage"),
    "SM": ("VLWholeSlideMicroscopyImageStorage",),
    "OT": ("SecondaryCaptureImageStorage", "MultiFrameTrueColorSecondaryCaptureImageStorage"),
}
_OTHERS = (
    "RTDoseStorage",
    "RTPlanStorage",
    "RTImageStorage",
    "EnhancedSRStorage",
    "ComprehensiveSRStorage",
    "Comprehensive3DSRStorage",
    "BasicTextSRStorage",
    "KeyObjectSelectionDocumentStorage",
    "GrayscaleSoftcopyPresentationStateStorage",
    "ParametricMapStorage",
    "SpatialRegistrationStorage",
    "SurfaceSegmentationStorage",
    "XRayRadiationDoseSRStorage",
    "EncapsulatedPDFStorage",
    "MultiFrameGrayscaleByteSecondaryCaptureImageStorage",
    "MultiFrameGrayscaleWordSecondaryCaptureImageStorage",
)


def _classes(names: tuple[str, ...]) -> list[Any]:
    return [getattr(sop_class, name) for name in names]


STORAGE_CLASSES = list(
    dict.fromkeys(_classes((*(name for names in _OF_MODALITY.values() for name in names), *_OTHERS)))
)
"""Every kind of object that is asked for."""


def retrieval_contexts(modality: str) -> list[Any]:
    """What to propose, beside the query itself, for a series that the peer will send over the same association.

    Args:
        modality: Of the series; its own kinds of objects get every encoding, others what there is room for.
    """
    likely = _classes(_OF_MODALITY.get(modality, ()))
    return [
        build_context(kind, list(encodings)) for kind, encodings in islice(_pairs(likely), MAX_CONTEXTS - 1)
    ]


def receiving_contexts() -> list[Any]:
    """What to accept from a peer that opens an association of its own: there is no limit then."""
    return [build_context(kind, list(ENCODINGS)) for kind in STORAGE_CLASSES]


def _pairs(likely: list[Any]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Kinds of objects with encodings, the most useful first."""
    others = [kind for kind in STORAGE_CLASSES if kind not in likely]
    for kind in likely:
        yield from ((kind, (encoding,)) for encoding in ENCODINGS)
    yield from ((kind, UNCOMPRESSED) for kind in others)
    for encoding in _COMMON:
        yield from ((kind, (encoding,)) for kind in others)
