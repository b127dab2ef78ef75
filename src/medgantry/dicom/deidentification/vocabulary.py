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
_NO_NUMBER = r"(?!.*\d{5})"
_PATTERNS = {
    "Manufacturer": re.compile(
        r"(agfa|bruker|canon|carestream|elekta|elscint|esaote|fuji|ge\b|general electric|hitachi|hologic|imatron|konica"
        r"|marconi|mediso|neusoft|philips|picker|samsung|shimadzu|siemens|toshiba|uih\b|united imaging|varian|accuray"
        r"|medgantry)[\w .,&/-]{0,40}",
        re.IGNORECASE,
    ),
    "ManufacturerModelName": re.compile(_NO_NUMBER + r"[\w .+/()-]{1,40}"),
    "ConvolutionKernel": re.compile(_NO_NUMBER + r"[\w.+/-]{1,16}"),
    "SequenceName": re.compile(_NO_NUMBER + r"[\w*.-]{1,16}"),
    "CodingSchemeVersion": re.compile(r"[0-9._]{1,12}"),
    "RescaleType": re.compile(r"HU|US|OD|US|MGML|Z_EFF|ED|EDW|HU_MOD|PCT"),
    "StackID": re.compile(r"\d{1,4}"),
}


def is_technical(keyword: str, value: Any) -> bool:
    """Whether an attribute of text is one that may stay, with a value such as it has."""
    several = [value] if isinstance(value, str) or value is None else list(value)
    texts = [str(text or "") for text in several]
    if keyword in ("CodeValue", "CodeMeaning", "CodingSchemeDesignator"):
        return all(text in _coded()[keyword] for text in texts)
    pattern = _PATTERNS.get(keyword)
    return pattern is not None and all(not text or pattern.fullmatch(text) for text in texts)


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
    }
