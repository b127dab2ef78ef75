"""Proof that nothing was left: the written bytes are read by other code and judged by other rules.

Two routes. By form: what each element of the output may look like, and what must not be there at all. By content:
what the source's bytes say about people (`harvest.py`) must not occur in the output. Neither uses the profile's table.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag
from pydicom.uid import UID_dictionary

from medgantry.dicom.deidentification.harvest import Needles, words_of
from medgantry.dicom.deidentification.tokens import Token, tokenize

_TEXT_VRS = frozenset({"LO", "SH", "UC", "ST", "LT", "UT", "UR", "AE", "PN"})
_BYTE_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV"})
_TECHNICAL = frozenset(
    {
        "Manufacturer",
        "ManufacturerModelName",
        "ConvolutionKernel",
        "CodeValue",
        "CodeMeaning",
        "CodingSchemeDesignator",
        "RescaleType",
        "StackID",
        "DeidentificationMethod",
    }
)
_DEVICE = re.compile(r"Device|Station|Gantry|Generator|Plate|Cassette|Detector|Lens|Source|TreatmentMachine")
_CHARACTERISTICS = {
    0x00100040,
    0x00101010,
    0x00101020,
    0x00101030,
    0x00102160,
    0x001021A0,
    0x001021C0,
    0x00102203,
}
"""Sex, age, size, weight, ethnic group, smoking, pregnancy, sex neutered."""
_BIRTH = (0x00100030, 0x00100032)
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_META = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
_VERSION, _VERSION_NAME = 0x00020001, 0x00020013
_PSEUDONYM = re.compile(rb"P[0-9A-F]{16}")
_DUMMY = b"REMOVED"
_NO_TIME = (b"", b"000000")


@dataclass(frozen=True)
class Finding:
    """Something that should not be there, or is not there and should be; it never says the value."""

    rule: str
    where: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}"


def verify_object(output: bytes, needles: Needles, options: Collection[str]) -> list[Finding]:
    """Judge one de-identified DICOM file.

    Args:
        output: The file's bytes, Explicit VR Little Endian, pixels may be left out.
        needles: Of the file it was made from.
        options: Options of the profile that were applied.

    Returns:
        Findings; empty when nothing was found.
    """
    if any(output[:128]):
        return [Finding("the preamble is empty", "preamble")]
    try:
        tokens = list(tokenize(output))
    except (ValueError, IndexError, RecursionError) as error:
        return [Finding("the output can be read", str(error))]
    findings = [finding for token in tokens for finding in _judge(token, needles, options)]
    return findings + list(_declared(tokens, options))


def _judge(token: Token, needles: Needles, options: Collection[str]) -> Iterable[Finding]:
    where = _name(token)
    if token.group % 2:
        creator = 0x10 <= token.tag & 0xFFFF <= 0xFF and token.vr == "LO"
        if "safe-private" not in options or not (
            creator or token.vr in ("DS", "IS", "FL", "FD", "US", "SS", "UL", "SL")
        ):
            yield Finding("there are no private attributes", "private")
    elif token.group & 0xFF00 in (0x5000, 0x6000):
        yield Finding("there are no curves and overlays", where)
    elif token.group == 2 and token.tag not in _META:
        yield Finding("the file meta holds what it must and no more", where)
    elif token.vr == "UN":
        yield Finding("every attribute has a VR", where)
    yield from _judge_value(token, token.value.strip(b"\0 "), needles, options, where)
    if token.tag not in _PIXELS:
        yield from _judge_content(token, needles, where)


def _judge_value(
    token: Token, value: bytes, needles: Needles, options: Collection[str], where: str
) -> Iterable[Finding]:
    if token.vr == "UI":
        yield from _judge_uids(value, needles, where)
    elif token.vr in ("DA", "DT"):
        yield from _judge_date(token, value, needles, options, where)
    elif token.vr == "TM":
        if value in needles.times or ("modified-dates" not in options and value not in _NO_TIME):
            yield Finding("no time of the source is left", where)
    elif token.vr in _TEXT_VRS:
        yield from _judge_text(token, value, needles, options, where)
    elif token.vr == "AS" and any(
        years.isdigit() and int(years) > 90 for years in re.findall(rb"(\d{3})Y", value)
    ):
        yield Finding("ages above 89 are hidden", where)
    elif (
        token.vr in _BYTE_VRS
        and value
        and token.tag != _VERSION
        and (token.tag not in _PIXELS or len(token.path) > 1)
    ):
        yield Finding("only an image's pixels are bytes", where)
    if token.tag in _CHARACTERISTICS and value and "patient-characteristics" not in options:
        yield Finding("what describes a patient is removed", where)


def _judge_uids(value: bytes, needles: Needles, where: str) -> Iterable[Finding]:
    for uid in filter(None, value.split(b"\\")):
        if uid.decode("latin-1") in UID_dictionary:
            continue
        if not uid.startswith(b"2.25.") or any(uid.startswith(known) for known in needles.uids):
            yield Finding("no UID of the source is left", where)


def _judge_date(
    token: Token, value: bytes, needles: Needles, options: Collection[str], where: str
) -> Iterable[Finding]:
    if token.tag in _BIRTH and value:
        yield Finding("no date of birth is left", where)
    if value[:8] in needles.dates and not value.startswith(b"19000101"):
        yield Finding("no date of the source is left", where)
    if value and "modified-dates" not in options and not value.startswith(b"19000101"):
        yield Finding("dates are removed", where)


def _judge_text(
    token: Token, value: bytes, needles: Needles, options: Collection[str], where: str
) -> Iterable[Finding]:
    keyword = keyword_for_tag(token.tag)
    if keyword in ("PatientName", "PatientID"):
        digits = b"".join(re.findall(rb"\d", value))
        if not _PSEUDONYM.fullmatch(value) or any(number in digits for number in needles.numbers):
            yield Finding("a patient has a pseudonym", where)
        return
    kept = (
        keyword in _TECHNICAL
        or ("device-identity" in options and bool(_DEVICE.search(keyword)))
        or ("patient-characteristics" in options and token.tag in _CHARACTERISTICS)
        or (token.tag == _VERSION_NAME and value == b"MEDGANTRY")
    )
    if value and not kept and value != _DUMMY and not token.group % 2:
        yield Finding("text is removed", where)


def _judge_content(token: Token, needles: Needles, where: str) -> Iterable[Finding]:
    """Any attribute, whatever it is said to be: bytes can hold text."""
    if words_of(token.value) & needles.words:
        yield Finding("no name of the source is left", where)
    if token.vr in _TEXT_VRS | {"CS", "IS", "DS", "LO"}:
        parts = {part.strip() for part in token.value.strip(b"\0 ").split(b"\\")}
        if parts & needles.numbers:
            yield Finding("no number of the source is left", where)


def _declared(tokens: Collection[Token], options: Collection[str]) -> Iterable[Finding]:
    """The object says that it was de-identified, and how (PS3.15 E.1.1)."""
    by_path = {token.path: token.value.strip(b"\0 ") for token in tokens}
    if by_path.get((0x00120062,)) != b"YES":
        yield Finding("the object says that identity was removed", "PatientIdentityRemoved")
    codes = {token.value.strip(b"\0 ") for token in tokens if token.path == (0x00120064, 0x00080100)}
    wanted = {b"113100"} | ({b"113107"} if "modified-dates" in options else set())
    if not wanted <= codes:
        yield Finding("the object names its method", "DeidentificationMethodCodeSequence")
    if by_path.get((0x00280303,)) not in (b"MODIFIED", b"REMOVED"):
        yield Finding("the object says what became of dates", "LongitudinalTemporalInformationModified")
    if by_path.get((0x00020003,)) != by_path.get((0x00080018,)):
        yield Finding("file meta and data set name one instance", "MediaStorageSOPInstanceUID")


def _name(token: Token) -> str:
    return ".".join(keyword_for_tag(tag) or f"{tag:08X}" for tag in token.path)
