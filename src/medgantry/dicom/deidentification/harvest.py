"""What a source file says about people, read from its bytes without pydicom: names, numbers, dates, times and UIDs.

Elements are found by their tags' bytes, wherever they stand, in either byte order, with or without a VR.
"""

import base64
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from medgantry.dicom.deidentification.vocabulary import common_words

_UID = re.compile(rb"(?<![\d.])[0-2](?:\.\d+){2,}(?=[^\d.]|$)")
_SHORTEST_UID = 12
"""Bytes; what is shorter is a version number."""
_DATE = re.compile(rb"(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d{1,5}\b)")
_TIME = re.compile(rb"TM..(\d{6}(?:\.\d{1,6})?)", re.DOTALL)
_NAMES = (
    0x00080090, 0x0008009C, 0x00081048, 0x00081050, 0x00081060, 0x00081070, 0x00100010, 0x00101001, 0x00101005,
    0x00101060, 0x00102297, 0x00321032, 0x00400006, 0x0040A123, 0x00080080, 0x00080081, 0x00081040, 0x00101040,
)  # fmt: skip
"""Persons, institutions and addresses."""
_NUMBERS = (0x00080050, 0x00100020, 0x00101000, 0x00380010)
_TEXT_VRS = (b"PN", b"LO", b"SH", b"ST", b"LT")
_LONGEST = 256
_SHORTEST_WORD, _SHORTEST_NUMBER = 4, 5
_STANDARD = b"1.2.840.10008"


@dataclass(frozen=True, kw_only=True)
class Needles:
    """What of a source must not be found anywhere else."""

    uids: frozenset[bytes] = frozenset()
    dates: frozenset[bytes] = frozenset()
    times: frozenset[bytes] = frozenset()
    words: frozenset[str] = frozenset()
    """Of names of people and places, lower case; without those that are medical terms."""
    numbers: frozenset[bytes] = frozenset()

    def union(self, other: "Needles") -> "Needles":
        """Needles of two sources."""
        return Needles(
            uids=self.uids | other.uids,
            dates=self.dates | other.dates,
            times=self.times | other.times,
            words=self.words | other.words,
            numbers=self.numbers | other.numbers,
        )


def harvest(source: bytes) -> Needles:
    """Needles of a source file up to its pixels."""
    named = [value for tag in _NAMES for value in _values(source, tag)]
    named += _person_names(source)
    numbers = {value.strip(b" \0") for tag in _NUMBERS for value in _values(source, tag)}
    words: frozenset[str] = reduce(frozenset.union, map(words_of, named), frozenset())
    return Needles(
        uids=frozenset(
            uid for uid in _UID.findall(source) if len(uid) >= _SHORTEST_UID and not uid.startswith(_STANDARD)
        ),
        dates=frozenset(_DATE.findall(source)),
        times=frozenset(time for time in _TIME.findall(source) if int(time[:6])),
        words=frozenset(word for word in words if len(word) >= _SHORTEST_WORD) - common_words(),
        numbers=frozenset(number for number in numbers if len(number) >= _SHORTEST_NUMBER),
    )


def words_of(value: bytes) -> frozenset[str]:
    """Words in bytes, lower case, read as one byte a letter."""
    return frozenset(re.split(r"[^0-9a-z\u00c0-\u00ff]+", value.decode("latin-1").lower()))


def search(blob: bytes, needles: Needles) -> list[str]:
    """Which kinds of needle occur in bytes that are no DICOM: texts, a NIfTI header, a page, a log.

    Words, UIDs and numbers are looked for as they stood, in UTF-16 and in base64; dates as whole numbers.
    """
    found = []
    if (words_of(blob) | words_of(blob.replace(b"\0", b""))) & needles.words:
        found.append("name")
    for kind, wanted in (("UID", needles.uids), ("number", needles.numbers)):
        if any(form in blob for needle in wanted for form in _forms(needle)):
            found.append(kind)
    if any(_in_base64(word.encode("latin-1"), blob) for word in needles.words if len(word) > 5):
        found.append("name")
    if any(re.search(rb"(?<![\w.])" + date + rb"(?![\w.])", blob) for date in needles.dates):
        found.append("date")
    return found


def _forms(needle: bytes) -> Iterator[bytes]:
    yield needle
    yield needle.decode("latin-1").encode("utf-16-le")
    if len(needle) > 5:
        yield from _base64(needle)


def _in_base64(needle: bytes, blob: bytes) -> bool:
    return any(
        form in blob for variant in (needle, needle.upper(), needle.title()) for form in _base64(variant)
    )


def _base64(needle: bytes) -> Iterator[bytes]:
    """The same text in base64 differs with where it begins: three forms, without the letters that neighbours share."""
    for start in range(3):
        yield base64.b64encode(b"\0" * start + needle)[4 if start else 0 : -4]


def _values(source: bytes, tag: int) -> Iterator[bytes]:
    for order in "<>":
        mark = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
        at = source.find(mark)
        while at >= 0:
            explicit = source[at + 4 : at + 6] in _TEXT_VRS
            size = source[at + 6 : at + 8] if explicit else source[at + 4 : at + 8]
            length = int.from_bytes(size, "little" if order == "<" else "big")
            if 0 < length <= _LONGEST:
                yield source[at + 8 : at + 8 + length]
            at = source.find(mark, at + 4)


def _person_names(source: bytes) -> Iterator[bytes]:
    """Values of elements that say to be person names, whatever their tag."""
    for match in re.finditer(rb"PN(..)", source, re.DOTALL):
        for order in ("little", "big"):
            length = int.from_bytes(match[1], order)
            value = source[match.end() : match.end() + length]
            if 0 < length <= _LONGEST and length % 2 == 0 and b"\0" not in value:
                yield value
