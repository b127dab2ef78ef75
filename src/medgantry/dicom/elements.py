"""The elements of a file's header, without taking them apart: what a reader of thousands of slices needs of pydicom.

Reads what scanners write: a preamble, Explicit or Implicit VR Little Endian, sequences of defined length. Everything else
is left to pydicom; a test holds both to the same values.
"""

import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medgantry.ledger import Unusable

READABLE = "the file is readable DICOM"
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
"""VRs whose length has four bytes (PS3.5 7.1.2)."""
UNDEFINED = 0xFFFFFFFF
_INSTANCE = 0x00020003
_IMPLICIT = b"1.2.840.10008.1.2"
_BIG_ENDIAN, _DEFLATED = b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99"
_FIRST_BYTES, _MOST_BYTES = 1 << 13, 1 << 20
_TAG = struct.Struct("<HH")
_HEAD = struct.Struct("<HHL")
_SHORT = struct.Struct("<HH2sH")
_LENGTH = struct.Struct("<L")


@dataclass(frozen=True, slots=True)
class Elements:
    """What stands before the pixels."""

    values: dict[int, tuple[bytes, bytes]]
    """Tag -> VR, empty where the file does not say it, and value; a sequence has no value."""
    transfer_syntax: str
    pixels_at: int
    """Byte offset of the pixel data element."""
    pixel_tag: int


def read_elements(path: Path) -> Elements | None:
    """Read a header; None where it is not of the plain kind, or has no pixels.

    Raises:
        Unusable: If an element stands there twice.
    """
    size = _FIRST_BYTES
    with path.open("rb", buffering=0) as stream:
        data = stream.read(size)
        while True:
            try:
                return _parse(data)
            except (struct.error, IndexError):
                more = stream.read(size * 3)
                if not more or len(data) > _MOST_BYTES:
                    return None
                data += more
                size *= 4


def sop_instance_uid(data: bytes) -> str:
    """The UID by which a file's meta information names its object (PS3.10 7.1).

    Args:
        data: The file's beginning, its meta information at least.

    Raises:
        Unusable: If it says none.
    """
    values: dict[int, tuple[bytes, bytes]] = {}
    with suppress(struct.error, IndexError):
        if data[128:132] == b"DICM":
            _explicit(data, 132, 0x00030000, values)
    uid = values.get(_INSTANCE, (b"", b""))[1].rstrip(b"\0 ").decode("ascii", "replace")
    if not uid:
        raise Unusable("a file names its instance", "its meta information does not", "Export the file again.")
    return uid


def _parse(data: bytes) -> Elements | None:
    """Raises struct.error or IndexError when the header is longer than the data."""
    if data[128:132] != b"DICM":
        return None
    values: dict[int, tuple[bytes, bytes]] = {}
    at = _explicit(data, 132, 0x00030000, values)  # file meta is always explicit (PS3.10 7.1)
    syntax = values.get(0x00020010, (b"", b""))[1].rstrip(b"\0 ")
    if at < 0 or syntax in (_BIG_ENDIAN, _DEFLATED) or not syntax:
        return None
    step = _implicit if syntax == _IMPLICIT else _explicit
    at = step(data, at, _PIXELS[0], values)
    if at < 0:
        return None
    group, element = _TAG.unpack_from(data, at)
    tag = group << 16 | element
    return Elements(values, syntax.decode("ascii", "replace"), at, tag) if tag in _PIXELS else None


def _explicit(data: bytes, at: int, stop: int, values: dict[int, tuple[bytes, bytes]]) -> int:
    """Read elements with their VR until a tag; where it begins, or -1."""
    unpack, long_length, size = _SHORT.unpack_from, _LENGTH.unpack_from, len(data)
    while True:
        group, element, vr, length = unpack(data, at)
        tag = group << 16 | element
        if tag >= stop:
            return at
        at += 8
        if vr in LONG_VRS:
            length = long_length(data, at)[0]
            at += 4
            if length == UNDEFINED:
                return -1
        elif not vr.isalpha():
            return -1
        end = at + length
        if end > size:
            raise IndexError
        if tag in values:
            raise twice(tag)
        values[tag] = (vr, b"" if vr == b"SQ" else data[at:end])
        at = end


def _implicit(data: bytes, at: int, stop: int, values: dict[int, tuple[bytes, bytes]]) -> int:
    """Read elements without their VR until a tag; where it begins, or -1."""
    while True:
        group, element, length = _HEAD.unpack_from(data, at)
        tag = group << 16 | element
        if tag >= stop:
            return at
        if length == UNDEFINED:
            return -1
        at += 8 + length
        if at > len(data):
            raise IndexError
        if tag in values:
            raise twice(tag)
        values[tag] = (b"", data[at - length : at])


def twice(tag: int) -> Unusable:
    """What is wrong where an element stands twice: nobody knows which is right."""
    return Unusable(READABLE, f"element {tag:08X} stands twice", "Export the file again.")
