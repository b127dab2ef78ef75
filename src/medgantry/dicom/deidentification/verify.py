"""Proof that nothing was left: the written bytes are read by other code and judged by other rules.

Two routes. By form: what each element of the output may look like, and what must not be there at all. By content:
whatever reads like a name, a number of a person, a date or a UID in the bytes of the source must not occur in the
output, in any encoding. Neither uses the profile's table.
"""

import base64
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag

from medgantry.dicom.deidentification.tokens import Token, tokenize

_UID = re.compile(rb"(?<![\d.])[0-2](?:\.\d+){2,}(?=[^\d.]|$)")
_DATE = re.compile(rb"(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d{1,5}\b)")
_WORDS = re.compile(rb"[^\x00-\x1f\\]{4,}")
_SHORTEST_UID = 12
"""Bytes; what is shorter is a version number."""
_TEXT_VRS = frozenset({"LO", "SH", "UC", "ST", "LT", "UT", "UR", "AE", "PN"})
_TECHNICAL = frozenset(
    {
        "Manufacturer",
        "ManufacturerModelName",
        "ConvolutionKernel",
        "SequenceName",
        "CodeValue",
        "CodeMeaning",
        "CodingSchemeDesignator",
        "CodingSchemeVersion",
        "RescaleType",
        "StackID",
        "DeidentificationMethod",
    }
)
_DEVICE = re.compile(
    r"Device|Station|Gantry|Generator|Plate|Cassette|Detector|Lens|Source|TreatmentMachine|Scheduled"
)
_META = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
_VERSION_NAME = 0x00020013
_PSEUDONYM = re.compile(rb"P[0-9A-F]{16}")
_DUMMY = b"REMOVED"


@dataclass(frozen=True)
class Finding:
    """Something that should not be there, or is not there and should be; it never says the value."""

    rule: str
    where: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}"


@dataclass(frozen=True, kw_only=True)
class Needles:
    """What of a source must not be found anywhere; bytes as they stood there."""

    uids: frozenset[bytes]
    dates: frozenset[bytes]
    names: frozenset[bytes]

    def union(self, other: "Needles") -> "Needles":
        """Needles of two sources."""
        return Needles(
            uids=self.uids | other.uids, dates=self.dates | other.dates, names=self.names | other.names
        )


def harvest(source: bytes) -> Needles:
    """What a source file says about people, by how it reads: no element is parsed.

    Args:
        source: The file up to its pixels.
    """
    uids = {
        uid
        for uid in _UID.findall(source)
        if len(uid) >= _SHORTEST_UID and not uid.startswith(b"1.2.840.10008")
    }
    names: set[bytes] = set()
    for run in _WORDS.findall(source):
        if b"^" in run:  # a person name (PS3.5 6.2): its parts
            names |= {part.strip() for part in re.split(rb"[\^=, ]+", run[-64:]) if len(part.strip()) > 3}
    return Needles(uids=frozenset(uids), dates=frozenset(_DATE.findall(source)), names=frozenset(names))


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
    except (ValueError, IndexError) as error:
        return [Finding("the output can be read", str(error))]
    findings = [finding for token in tokens for finding in _judge(token, needles, options)]
    return findings + list(_declared(tokens, options))


def search(blob: bytes, needles: Needles) -> list[str]:
    """Which kinds of needle occur in bytes that are no DICOM: JSON, a NIfTI header, a page, a log.

    Names and UIDs are looked for as they stood, in UTF-16 and in base64; dates as whole numbers.
    """
    found = []
    for kind, wanted in (("UID", needles.uids), ("name", needles.names)):
        if any(form in blob for needle in wanted for form in _forms(needle)):
            found.append(kind)
    if any(re.search(rb"(?<![\w.])" + date + rb"(?![\w.])", blob) for date in needles.dates):
        found.append("date")
    return found


def _forms(needle: bytes) -> Iterator[bytes]:
    yield needle
    text = needle.decode("utf-8", "replace")
    yield text.encode("utf-16-le")
    if len(needle) >= 6:
        for start in range(3):  # base64 of the same text differs with where it begins
            yield base64.b64encode(b"\0" * start + needle)[4 if start else 0 : -4]


def _judge(token: Token, needles: Needles, options: Collection[str]) -> Iterable[Finding]:
    where = _name(token)
    if token.group % 2:
        if "safe-private" not in options or token.vr in _TEXT_VRS - {"LO"} or token.vr in ("OB", "UN", "SQ"):
            yield Finding("there are no private attributes", "private")
    elif token.group & 0xFF00 in (0x5000, 0x6000):
        yield Finding("there are no curves and overlays", where)
    elif token.group == 2 and token.tag not in _META:
        yield Finding("the file meta holds what it must and no more", where)
    elif token.vr == "UN":
        yield Finding("every attribute has a VR", where)
    yield from _judge_value(token, needles, options, where)


def _judge_value(token: Token, needles: Needles, options: Collection[str], where: str) -> Iterable[Finding]:
    value = token.value.strip(b"\0 ")
    if token.vr == "UI":
        if any(uid in needles.uids for uid in value.split(b"\\")):
            yield Finding("no UID of the source is left", where)
    elif token.vr in ("DA", "DT"):
        yield from _judge_date(value, needles, options, where)
    elif token.vr in _TEXT_VRS:
        yield from _judge_text(token, value, options, where)
    elif token.vr == "AS" and value[:3].isdigit() and value[3:4] == b"Y" and int(value[:3]) > 90:
        yield Finding("ages above 89 are hidden", where)
    elif (
        token.vr == "OB"
        and value
        and keyword_for_tag(token.tag) not in ("PixelData", "FileMetaInformationVersion")
    ):
        yield Finding("only pixels are bytes", where)
    if token.vr in (*_TEXT_VRS, "CS", "DS", "IS") and any(name in value for name in needles.names):
        yield Finding("no name of the source is left", where)


def _judge_date(value: bytes, needles: Needles, options: Collection[str], where: str) -> Iterable[Finding]:
    if value[:8] in needles.dates and not value.startswith(b"19000101"):
        yield Finding("no date of the source is left", where)
    if value and "modified-dates" not in options and not value.startswith(b"19000101"):
        yield Finding("dates are removed", where)


def _judge_text(token: Token, value: bytes, options: Collection[str], where: str) -> Iterable[Finding]:
    keyword = keyword_for_tag(token.tag)
    if keyword in ("PatientName", "PatientID"):
        if not _PSEUDONYM.fullmatch(value):
            yield Finding("a patient has a pseudonym", where)
        return
    kept = keyword in _TECHNICAL or ("device-identity" in options and bool(_DEVICE.search(keyword)))
    if token.tag == _VERSION_NAME:
        kept = value == b"MEDGANTRY"
    if value and not kept and value != _DUMMY and not token.group % 2:
        yield Finding("text is removed", where)


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
