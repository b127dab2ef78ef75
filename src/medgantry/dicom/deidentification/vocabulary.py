"""Text that may stay because it says how an image was made: by attribute, and only what such a value can look like.

What a name could pass for does not stay, at the cost of scanners and terms that are not listed.
"""

import re
from functools import cache
from typing import Any

from pydicom.sr._snomed_dict import mapping
from pydicom.sr.codedict import CONCEPTS

PIXELS = frozenset({"PixelData", "FloatPixelData", "DoubleFloatPixelData"})
"""The only bytes that stay, at the top of an image."""
REQUIRED = frozenset({"SegmentLabel", "ContentLabel", "DimensionDescriptionLabel", "SegmentAlgorithmName"})
"""Free text that an object must have, so that it is replaced."""
NEVER_ABSENT = frozenset({"Manufacturer", "PositionReferenceIndicator", "ContentDescription"})
"""Text of Type 2: emptied, not removed."""
_VENDORS = (
    r"agfa|bruker|canon|carestream|elekta|elscint|esaote|fuji|ge\b|general electric|hitachi|hologic|imatron|konica"
    r"|marconi|mediso|medgantry|neusoft|philips|picker|samsung|shimadzu|siemens|toshiba|uih\b|united imaging|varian"
)
_MODELS = (
    r"achieva|activion|advance|aera|alexion|allegro|aquilion|asteion|avanto|biograph|bright ?speed|brilliance|definition"
    r"|discovery|drive|ecat|emotion|espree|force|gemini|hi ?speed|hrrt|ict|ingenia|ingenuity|intera|iqon|light ?speed"
    r"|magnetom|mct|mx ?8000|naeotom|neuviz|optima|perspective|phantom|precedence|prisma|revolution|scenaria|sensation"
    r"|signa|skyra|sola|somatom|supria|symphony|titan|trio|ultra|uct|umi|umr|vantage|vereos|verio|vida|volume zoom"
)
_MODEL_PARTS = (
    r"(?:[A-Z]{0,3}\d{1,4}[A-Z]{0,3}|CT|PET|PET/CT|MR|XR|XL|HD|VCT|RT|PLUS|FLASH|EDGE|OPEN|PRO|ULTRA|LS|STE?|RX|AS\+?|DUO"
    r"|CARDIAC|FIT|ELITE|PRIME|ONE|PRISM|TRUEPOINT|TF|BIG|BORE|DEFINITION|SENSATION|EMOTION|SYSTEM|ALPHA|EVO|APEX)"
)
_KERNELS = (
    r"[A-Z][a-z]?\d{2}[a-z]{0,2}|FC\d{2}|[A-Z]|[EY][A-D]|\d|STANDARD|STND|STAND|BONE|BONEPLUS|LUNG|SOFT|DETAIL|CHEST|EDGE"
    r"|SMOOTH|SHARP|ULTRA|HD ?STANDARD|BRAIN|BODY|PARENCHYMA"
)
_PATTERNS = {
    "Manufacturer": re.compile(
        rf"(?:{_VENDORS})(?:[ _.,&/-]*(?:medical|healthcare|systems?|mec|corporation|inc|nederland"
        r"|healthineers|shenyang|imaging|hangzhou|film|phantom))*\.?",
        re.IGNORECASE,
    ),
    "ManufacturerModelName": re.compile(rf"(?:{_MODELS})(?:[ .+/_-]*{_MODEL_PARTS})*", re.IGNORECASE),
    "ConvolutionKernel": re.compile(_KERNELS, re.IGNORECASE),
    "RescaleType": re.compile(r"HU|US|OD|MGML|Z_EFF|ED|EDW|HU_MOD|PCT"),
    "StackID": re.compile(r"\d{1,2}"),
}
_YES = "YES NO"
_TERMS = {
    "ImageType": "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER MPR VOLUME REFORMATTED AVERAGE MIP MINIP OTHER ADD"
    " SUBTRACT RESAMPLED NONE M P R I M_FFE M_SE M_IR FFE SE IR NORM DIS2D DIS3D ND MOSAIC ADC TRACEW FA DIFFUSION"
    " REST STRESS STATIC DYNAMIC GATED WHOLE BODY",
    "FrameType": "ORIGINAL DERIVED PRIMARY SECONDARY VOLUME AXIAL LOCALIZER NONE AVERAGE MIXED",
    "PatientPosition": "HFS HFP HFDR HFDL FFS FFP FFDR FFDL LFP LFS RFP RFS AFDR AFDL PFDR PFDL",
    "BurnedInAnnotation": _YES,
    "RecognizableVisualFeatures": _YES,
    "LossyImageCompression": "00 01",
    "LossyImageCompressionMethod": "ISO_10918_1 ISO_14495_1 ISO_15444_1 ISO_13818_2",
    "Laterality": "R L",
    "ImageLaterality": "R L U B",
    "FrameLaterality": "R L U B",
    "PresentationLUTShape": "IDENTITY INVERSE",
    "PixelIntensityRelationship": "LIN LOG DISP",
    "VOILUTFunction": "LINEAR LINEAR_EXACT SIGMOID",
    "ContentQualification": "PRODUCT RESEARCH SERVICE",
    "VolumetricProperties": "VOLUME SAMPLED DISTORTED MIXED",
    "VolumeBasedCalculationTechnique": "NONE MAX_IP MIN_IP VOLUME_RENDER SURFACE_RENDER MPR CURVED_MPR MIXED",
    "ComplexImageComponent": "MAGNITUDE PHASE REAL IMAGINARY MIXED",
    "AcquisitionContrast": "DIFFUSION FLOW_ENCODED FLUID_ATTENUATED PERFUSION PROTON_DENSITY STIR TAGGING T1 T2 T2_STAR"
    " TOF UNKNOWN MIXED",
    "AcquisitionType": "SEQUENCED SPIRAL CONSTANT_ANGLE STATIONARY FREE",
    "RotationDirection": "CW CC",
    "ExposureModulationType": "NONE",
    "ScanningSequence": "SE IR GR EP RM",
    "SequenceVariant": "SK MTC SS TRSS SP MP OSP NONE",
    "MRAcquisitionType": "1D 2D 3D",
    "AngioFlag": "Y N",
    "InPlanePhaseEncodingDirection": "ROW COL",
    "Units": "BQML CNTS GML CPS NONE CM2 PCNT CM2ML ML MLG 1CM UMOLML",
    "CountsSource": "EMISSION TRANSMISSION",
    "SeriesType": "STATIC DYNAMIC GATED WHOLE BODY IMAGE REPROJECTION",
    "DecayCorrection": "NONE START ADMIN",
    "CorrectedImage": "DECY ATTN SCAT DTIM MOTN PMOT CLIN RAN RADL DCAL NORM",
    "CollimatorType": "NONE RING",
    "SegmentationType": "BINARY FRACTIONAL LABELMAP",
    "SegmentationFractionalType": "PROBABILITY OCCUPANCY",
    "SegmentAlgorithmType": "AUTOMATIC SEMIAUTOMATIC MANUAL",
    "SegmentsOverlap": "YES NO UNDEFINED",
    "DimensionOrganizationType": "3D 3D_TEMPORAL TILED_FULL TILED_SPARSE",
    "SpatialLocationsPreserved": "YES NO REORIENTED_ONLY",
    "ContourGeometricType": "POINT OPEN_PLANAR OPEN_NONPLANAR CLOSED_PLANAR CLOSEDPLANAR_XOR",
    "ROIGenerationAlgorithm": "AUTOMATIC SEMIAUTOMATIC MANUAL",
    "RTROIInterpretedType": "GTV CTV PTV ORGAN EXTERNAL AVOIDANCE MARKER CAVITY SUPPORT CONTROL",
    "PatientSex": "M F O",
    "SmokingStatus": "YES NO UNKNOWN",
    "Modality": "CT MR PT NM US CR DX MG SC OT SEG RTSTRUCT RTDOSE RTPLAN SR REG PR KO XC GM SM ES XA RF",
    "PhotometricInterpretation": "MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422 YBR_ICT YBR_RCT YBR_PARTIAL_420",
}
_CHARACTER_SET = re.compile(r"|ISO_IR \d{1,3}|ISO 2022 IR \d{1,3}|GB18030|GBK")


def is_technical(keyword: str, value: Any) -> bool:
    """Whether an attribute of text is one that may stay, with a value such as it has."""
    several = [value] if isinstance(value, str) or value is None else list(value)
    texts = [str(text or "") for text in several]
    if keyword in ("CodeValue", "CodeMeaning", "CodingSchemeDesignator"):
        return all(text in _coded()[keyword] for text in texts)
    pattern = _PATTERNS.get(keyword)
    return pattern is not None and all(not text or pattern.fullmatch(text) for text in texts)


def is_term(keyword: str, text: str) -> bool:
    """Whether a code string is one of the terms that its attribute can have."""
    if keyword == "BodyPartExamined":
        return not text or text.lower() in _coded()["BodyPart"]
    if keyword == "SpecificCharacterSet":
        return bool(_CHARACTER_SET.fullmatch(text))
    return not text or text in _TERMS.get(keyword, "").split()


def shown_term(keyword: str, text: str) -> str:
    """A code string that a ledger may quote: one of its attribute's terms, or that it is none."""
    return text if text and is_term(keyword, text) else "none" if not text else "another term"


@cache
def common_words() -> frozenset[str]:
    """Words of terms and meanings, lower case: a patient may be called so, and they must stay all the same."""
    text = " ".join(
        [*_TERMS.values(), *_coded()["CodeMeaning"], *_coded()["BodyPart"], _VENDORS, _MODELS, _KERNELS]
    )
    return frozenset(re.split(r"[^a-z0-9]+", text.lower()))


@cache
def _coded() -> dict[str, frozenset[str]]:
    """Values and meanings of all codes that DICOM's context groups use."""
    values, meanings = set(mapping["SRT"]), set()
    for scheme in CONCEPTS.values():
        for entries in scheme.values():
            for value, (meaning, *_) in entries.items():
                values.add(value)
                meanings.add(meaning)
    schemes = {*CONCEPTS, "SRT", "SNM3"}
    return {
        "CodeValue": frozenset(values),
        "CodeMeaning": frozenset(meanings),
        "CodingSchemeDesignator": frozenset(schemes),
        "BodyPart": frozenset(meaning.lower() for meaning in meanings)
        | {"headneck", "lspine", "cspine", "tspine"},
    }
