"""Text that may stay because it says how an image was made: by attribute, and only what such a value can look like."""

import re
from functools import cache
from typing import Any

from pydicom.sr.codedict import CONCEPTS

KEPT_BYTES = frozenset(
    {
        "PixelData",
        "FloatPixelData",
        "DoubleFloatPixelData",
        "LUTData",
        "RedPaletteColorLookupTableData",
        "GreenPaletteColorLookupTableData",
        "BluePaletteColorLookupTableData",
    }
)
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
_KERNELS = (
    r"[A-Z][a-z]?\d{2}[a-z]{0,2}|FC\d{2}|[A-Z]{1,2}|\d|STANDARD|STND|STAND|BONE|BONEPLUS|LUNG|SOFT|DETAIL|CHEST|EDGE"
    r"|SMOOTH|SHARP|ULTRA|HD ?STANDARD|BRAIN|BODY|PARENCHYMA"
)
_PATTERNS = {
    "Manufacturer": re.compile(
        rf"(?:{_VENDORS})(?:[ _.,&/-]*(?:medical|healthcare|systems?|mec|corporation|inc|nederland"
        r"|healthineers|shenyang|imaging|hangzhou|film|phantom))*\.?",
        re.IGNORECASE,
    ),
    "ManufacturerModelName": re.compile(rf"(?:{_MODELS})(?!.*\d{{5}})[\w .+/()-]{{0,24}}", re.IGNORECASE),
    "ConvolutionKernel": re.compile(_KERNELS, re.IGNORECASE),
    "CodingSchemeVersion": re.compile(r"[0-9._]{1,12}"),
    "RescaleType": re.compile(r"HU|US|OD|MGML|Z_EFF|ED|EDW|HU_MOD|PCT"),
    "StackID": re.compile(r"\d{1,2}"),
}
"""A whole value must match. What a name could pass for is not kept, at the cost of scanners that are not listed."""
_CODE_STRING = re.compile(r"(?!.*\d{3})[A-Z0-9_ ]{0,16}")


def is_technical(keyword: str, value: Any) -> bool:
    """Whether an attribute of text is one that may stay, with a value such as it has."""
    several = [value] if isinstance(value, str) or value is None else list(value)
    texts = [str(text or "") for text in several]
    if keyword in ("CodeValue", "CodeMeaning", "CodingSchemeDesignator"):
        return all(text in _coded()[keyword] for text in texts)
    pattern = _PATTERNS.get(keyword)
    return pattern is not None and all(not text or pattern.fullmatch(text) for text in texts)


def is_code_string(keyword: str, text: str) -> bool:
    """Whether a code string is one (PS3.5 6.2), and for a body part, a known one."""
    if keyword == "BodyPartExamined":
        return text.lower() in _coded()["BodyPart"] or not text
    return bool(_CODE_STRING.fullmatch(text))


@cache
def _coded() -> dict[str, frozenset[str]]:
    """Values and meanings of all codes that DICOM's context groups use."""
    values, meanings = set(), set()
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
