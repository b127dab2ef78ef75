"""One DICOM file taken apart at the level of bytes, so that single elements can be damaged and nothing else."""

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property

from pydicom.datadict import dictionary_VR, keyword_for_tag

_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
_IMPLICIT, _BIG, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element at the top; places are bytes in the data set."""

    tag: int
    vr: str
    start: int
    value_at: int
    end: int

    @property
    def keyword(self) -> str:
        return keyword_for_tag(self.tag)


@dataclass(frozen=True)
class File:
    """A file as its preamble and file meta, and its data set inflated."""

    meta: bytes
    body: bytes
    syntax: str

    @classmethod
    def parse(cls, data: bytes) -> "File":
        meta_end = 144 + int.from_bytes(data[140:144], "little")
        found = {element.tag: element for element in _walk(data[132:meta_end], True, "<")}
        syntax = data[132 + found[0x00020010].value_at : 132 + found[0x00020010].end].rstrip(b"\0").decode()
        body = data[meta_end:]
        if syntax == _DEFLATED:
            body = zlib.decompress(body, -zlib.MAX_WBITS)
        return cls(data[:meta_end], body, syntax)

    @property
    def order(self) -> str:
        return ">" if self.syntax == _BIG else "<"

    @property
    def explicit(self) -> bool:
        return self.syntax != _IMPLICIT

    @cached_property
    def elements(self) -> dict[str, Element]:
        found = _walk(self.body, self.explicit, self.order)
        return {element.keyword: element for element in found if element.keyword}

    @cached_property
    def meta_elements(self) -> dict[str, Element]:
        """Places are bytes in the file meta without the preamble."""
        return {element.keyword: element for element in _walk(self.meta[132:], True, "<")}

    def value(self, keyword: str) -> bytes:
        element = self.elements[keyword]
        return self.body[element.value_at : element.end]

    def build(self, body: bytes | None = None, meta: bytes | None = None) -> bytes:
        """The file's bytes, with another data set or file meta."""
        body = self.body if body is None else body
        if self.syntax == _DEFLATED:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            body = packer.compress(body) + packer.flush()
            body += b"\0" * (len(body) % 2)
        return (self.meta if meta is None else meta) + body

    def head(self, tag: int, vr: str, length: int) -> bytes:
        """What stands before a value."""
        place = struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)
        if not self.explicit:
            return place + struct.pack("<L", length)
        if vr in _LONG:
            return place + vr.encode() + b"\0\0" + struct.pack(self.order + "L", length)
        return place + vr.encode() + struct.pack(self.order + "H", length & 0xFFFF)

    def element(self, tag: int, value: bytes, vr: str = "", length: int | None = None) -> bytes:
        vr = vr or dictionary_VR(tag)
        return self.head(tag, vr, len(value) if length is None else length) + value

    def replaced(
        self, keyword: str, value: bytes | None = None, *, vr: str = "", length: int | None = None
    ) -> bytes:
        """The file with an element of another value, VR or declared length."""
        found = self.elements[keyword]
        value = self.value(keyword) if value is None else value
        made = self.element(found.tag, value, vr or found.vr, length)
        return self.build(self.body[: found.start] + made + self.body[found.end :])

    def without(self, keyword: str) -> bytes:
        found = self.elements[keyword]
        return self.build(self.body[: found.start] + self.body[found.end :])

    def with_added(self, tag: int, made: bytes) -> bytes:
        """The file with the bytes of one more element, in its place among the others."""
        at = next(element.start for element in self.elements.values() if element.tag > tag)
        return self.build(self.body[:at] + made + self.body[at:])

    def with_meta(self, keyword: str, value: bytes) -> bytes:
        """The file with another value in its file meta, whose length is right."""
        found = self.meta_elements[keyword]
        value += b"\0" * (len(value) % 2)
        made = File(b"", b"", "").element(found.tag, value, found.vr)
        meta = self.meta[132:]
        meta = meta[: found.start] + made + meta[found.end :]
        meta = meta[:8] + struct.pack("<L", len(meta) - 12) + meta[12:]
        return self.build(meta=self.meta[:132] + meta)


def _walk(data: bytes, explicit: bool, order: str) -> list[Element]:
    at, found = 0, []
    while at + 8 <= len(data):
        group, number = struct.unpack_from(order + "HH", data, at)
        tag, start, vr = group << 16 | number, at, ""
        if explicit:
            vr = data[at + 4 : at + 6].decode()
            if vr in _LONG:
                (length,) = struct.unpack_from(order + "L", data, at + 8)
                at += 12
            else:
                (length,) = struct.unpack_from(order + "H", data, at + 6)
                at += 8
        else:
            (length,) = struct.unpack_from("<L", data, at + 4)
            vr = dictionary_VR(tag)
            at += 8
        end = len(data) if length == UNDEFINED else at + length
        found.append(Element(tag=tag, vr=vr, start=start, value_at=at, end=end))
        at = end
    return found
