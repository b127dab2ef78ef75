"""The elements of an Explicit VR Little Endian file, by a reader of its own.

The verifier must not see the file through the eyes of pydicom, which wrote it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_DEEPEST = 32
"""Sequences within sequences; real objects have five."""
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


@dataclass(frozen=True)
class Token:
    """One element, wherever it is nested."""

    path: tuple[int, ...]
    """Tags from the top to this one."""
    vr: str
    value: bytes

    @property
    def tag(self) -> int:
        """Group and element."""
        return self.path[-1]

    @property
    def group(self) -> int:
        """Group."""
        return self.tag >> 16


def tokenize(data: bytes) -> Iterator[Token]:
    """All elements of a file with preamble, nested ones after their sequence.

    Raises:
        ValueError: If the bytes are no such file.
    """
    if data[128:132] != b"DICM":
        raise ValueError("no DICM prefix")
    yield from _elements(data, 132, len(data), ())


def _elements(data: bytes, at: int, end: int, path: tuple[int, ...]) -> Iterator[Token]:
    if len(path) > _DEEPEST:
        raise ValueError(f"sequences are nested more than {_DEEPEST} deep")
    while at < end:
        tag, length, at, vr = _element_head(data, at)
        if tag == _ITEM_END:
            return
        here = (*path, tag)
        if vr == "SQ":
            stop = _sequence_end(data, at) if length == _UNDEFINED else at + length
            yield Token(here, vr, b"")
            yield from _items(data, at, stop, here)
            at = stop + (8 if length == _UNDEFINED else 0)
        elif length == _UNDEFINED:  # encapsulated pixels: fragments, not text
            stop = _fragments_end(data, at)
            yield Token(here, vr, b"")
            at = stop
        else:
            if at + length > end:
                raise ValueError("an element is longer than the file")
            yield Token(here, vr, data[at : at + length])
            at += length


def _element_head(data: bytes, at: int) -> tuple[int, int, int, str]:
    tag = int.from_bytes(data[at : at + 2], "little") << 16 | int.from_bytes(data[at + 2 : at + 4], "little")
    if tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
        return tag, int.from_bytes(data[at + 4 : at + 8], "little"), at + 8, ""
    vr = data[at + 4 : at + 6]
    if vr in _LONG:
        return tag, int.from_bytes(data[at + 8 : at + 12], "little"), at + 12, vr.decode()
    if not vr.isalpha():
        raise ValueError("no explicit VR")
    return tag, int.from_bytes(data[at + 6 : at + 8], "little"), at + 8, vr.decode()


def _items(data: bytes, at: int, end: int, path: tuple[int, ...]) -> Iterator[Token]:
    while at < end:
        tag, length, at, _ = _element_head(data, at)
        if tag != _ITEM:
            raise ValueError("a sequence holds something that is no item")
        stop = _item_end(data, at) if length == _UNDEFINED else at + length
        yield from _elements(data, at, stop, path)
        at = stop + (8 if length == _UNDEFINED else 0)


def _item_end(data: bytes, at: int) -> int:
    """Where the delimiter of an item of undefined length begins."""
    while True:
        start = at
        tag, length, at, vr = _element_head(data, at)
        if tag == _ITEM_END:
            return start
        if length != _UNDEFINED:
            at += length
        else:
            at = _sequence_end(data, at) + 8 if vr == "SQ" else _fragments_end(data, at)


def _sequence_end(data: bytes, at: int) -> int:
    """Where the delimiter of a sequence of undefined length begins."""
    while True:
        start = at
        tag, length, at, _ = _element_head(data, at)
        if tag == _SEQUENCE_END:
            return start
        at = _item_end(data, at) + 8 if length == _UNDEFINED else at + length


def _fragments_end(data: bytes, at: int) -> int:
    while True:
        tag, length, at, _ = _element_head(data, at)
        if tag == _SEQUENCE_END:
            return at
        at += length
