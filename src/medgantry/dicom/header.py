"""Reading the header of one DICOM file, and asking it for values that may be missing, damaged or impossible."""

import io
import math
import struct
import warnings
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pydicom import Dataset, config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medgantry.dicom.elements import READABLE, UNDEFINED, Elements, read_elements, twice
from medgantry.ledger import Unusable

# What a value must be is decided by our rules, one by one, with evidence; pydicom's would be warnings on stderr.
config.settings.reading_validation_mode = config.IGNORE

_AGAIN = "Export or fetch the file again."
_PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_CHUNK, _LARGEST, _DENSEST = 1 << 20, 1 << 26, 100
"""Inflated, a data set may have 64 MiB, and 100 times its bytes."""
_BINARY = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "US or SS": "H"}
_ALIKE = {"SS": "US", "US or SS": "US", "SL": "UL", "IS": "DS"}
"""VRs that writers take for each other, and whose bytes mean the same up to a sign."""


class Attributes(Protocol):
    """Something that attributes can be asked of: a file's header, or an item of a sequence."""

    def text(self, keyword: str) -> str:
        """A value as text, several joined by a backslash; empty when absent.

        Raises:
            Unusable: If the value cannot be decoded.
        """

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """A value as finite numbers; empty when absent.

        Raises:
            Unusable: If one is no number, or not finite.
        """

    def whole(self, keyword: str) -> int | None:
        """A value as one whole number; None when absent.

        Raises:
            Unusable: If it is none.
        """


class DatasetAttributes:
    """Attributes of a data set that pydicom read; an `Attributes`."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def text(self, keyword: str) -> str:
        """See `Attributes`."""
        return value_text(self._dataset, keyword)

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """See `Attributes`."""
        return value_numbers(self._dataset, keyword)

    def whole(self, keyword: str) -> int | None:
        """See `Attributes`."""
        return _one_whole(keyword, self.numbers(keyword))


class Header:
    """One file without its pixels; an `Attributes`.

    Args:
        path: The file.
        elements: Its elements, when it is of the plain kind.
        dataset: What pydicom read, when it is not.
        pixels_at: Byte offset of the pixel data element in the file; -1 when it cannot be told (deflated).
        pixel_keyword: `PixelData`, `FloatPixelData`, `DoubleFloatPixelData`, or empty when there are no pixels.
    """

    def __init__(
        self,
        path: Path,
        elements: Elements | None,
        dataset: Dataset | None,
        pixels_at: int,
        pixel_keyword: str,
    ) -> None:
        self.path, self.pixels_at, self.pixel_keyword = path, pixels_at, pixel_keyword
        self._elements, self._dataset = elements, dataset

    @property
    def dataset(self) -> Dataset:
        """The header as pydicom reads it."""
        if self._dataset is None:
            self._dataset = read_dataset(self.path, pixels=False)
        return self._dataset

    @property
    def transfer_syntax(self) -> str:
        """UID of the transfer syntax; Implicit VR Little Endian where a file does not say."""
        if self._elements is not None:
            return self._elements.transfer_syntax
        return str(self.dataset.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))

    def has(self, keyword: str) -> bool:
        """Whether the attribute is there at the top, with or without a value."""
        if self._elements is not None:
            return _tag(keyword) in self._elements.values
        return keyword in self.dataset

    def text(self, keyword: str) -> str:
        """See `Attributes`."""
        if self._elements is not None:
            _, value = self._elements.values.get(_tag(keyword), (b"", b""))
            if value.isascii():
                return value.decode("ascii").strip("\0 ")
        return value_text(self.dataset, keyword)

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """See `Attributes`."""
        if self._elements is None:
            return value_numbers(self.dataset, keyword)
        tag = _tag(keyword)
        said, value = self._elements.values.get(tag, (b"", b""))
        if not value:
            return ()
        code = _BINARY.get(_vr_of(keyword, said.decode()))
        try:
            if code:
                found: tuple[float, ...] = struct.unpack(
                    f"<{len(value) // struct.calcsize(code)}{code}", value
                )
            else:
                text = value.strip(b"\0 ")
                found = tuple(float(part) for part in text.split(b"\\")) if text else ()
                if b"_" in text:  # Python's digits may be grouped, DICOM's may not
                    raise ValueError
        except (struct.error, ValueError) as error:
            raise _no_number(keyword) from error
        return _finite(keyword, found)

    def whole(self, keyword: str) -> int | None:
        """See `Attributes`."""
        return _one_whole(keyword, self.numbers(keyword))


def read_header(path: Path) -> Header:
    """Read a file up to its pixels.

    Raises:
        Unusable: If it is no DICOM file, or ends within an element.
    """
    elements = read_elements(path)
    if elements is not None and elements.values.get(_tag("SOPClassUID"), (b"", b""))[1]:
        return Header(path, elements, None, elements.pixels_at, _PIXELS[elements.pixel_tag])
    try:
        with _Bounded(path) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = _parse(stream, pixels=False)
            deflated = dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
            at = -1 if deflated else stream.tell()
            stream.seek(max(at, 0))
            tag = stream.read(4)
    except (Unusable, MemoryError):
        raise
    except Exception as error:
        raise Unusable(READABLE, type(error).__name__, _AGAIN) from error
    if deflated:
        keyword = _deflated_pixels(path)
    else:
        keyword = _pixel_keyword(tag, "little" if dataset.original_encoding[1] else "big")
    return Header(path, None, dataset, at, keyword)


def _pixel_keyword(tag: bytes, order: Any) -> str:
    number = (int.from_bytes(tag[:2], order) << 16) | int.from_bytes(tag[2:], order)
    if tag and number not in _PIXELS:
        raise _cut_off()
    return _PIXELS.get(number, "")


class _Bounded(io.BufferedReader):
    """A file of which nothing is asked that it does not hold: a damaged length would make room for gigabytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.size = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """As a file does."""
        if size is None or size < 0:  # pydicom asks for all the rest where it will inflate it
            return _check_inflated(super().read())
        if size > io.DEFAULT_BUFFER_SIZE:
            size = max(0, min(size, self.size - self.tell()))
        return super().read(size)


def _check_inflated(data: bytes) -> bytes:
    """Refuse what grows beyond any data set (PS3.5 A.5); whether it is sound is another's question."""
    inflate, rest, size = zlib.decompressobj(-zlib.MAX_WBITS), data, 0
    try:
        while rest and not inflate.eof:
            size += len(inflate.decompress(rest, _CHUNK))
            rest = inflate.unconsumed_tail
            if size > _LARGEST + _DENSEST * len(data):
                raise Unusable(READABLE, f"{len(data)} bytes inflate to {size} and more", _AGAIN)
    except zlib.error:
        pass
    return data


class _Watch:
    """What pydicom asks before it reads the value of an element at the top: whether to end there.

    It reads on where an element stands twice, and stops without a word where the file is cut off.
    """

    def __init__(self, stream: _Bounded, *, pixels: bool) -> None:
        self._stream, self._pixels = stream, pixels
        self._seen: set[int] = set()
        self._end = 0

    def __call__(self, tag: int, vr: str | None, length: int) -> bool:
        if tag in self._seen and len(self._seen) > 1:  # it asks twice about the first
            raise twice(tag)
        self._seen.add(tag)
        if tag in _PIXELS and not self._pixels:
            return True
        at = self._stream.tell()
        self._end = 0 if length == UNDEFINED else at + length
        if self._end > self._stream.size and at < self._stream.size:  # at the end, it was inflated elsewhere
            raise _cut_off()
        return False

    def check_end(self) -> None:
        """Refuse the first bytes of one more element."""
        if self._end and 0 < self._stream.size - self._end < 8:
            self._stream.seek(self._end)
            if any(self._stream.read(8)):
                raise _cut_off()


def _cut_off() -> Unusable:
    return Unusable(READABLE, "the data set ends within an element", "Fetch the file again.")


def read_dataset(path: Path, *, pixels: bool = True) -> Dataset:
    """A file as pydicom reads it.

    Raises:
        Unusable: If it is no DICOM file, or damaged.
    """
    try:
        with _Bounded(path) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parse(stream, pixels=pixels)
    except (Unusable, MemoryError):
        raise
    except Exception as error:  # a damaged file makes pydicom raise nearly anything
        raise Unusable(READABLE, type(error).__name__, _AGAIN) from error


def _parse(stream: _Bounded, *, pixels: bool) -> Dataset:
    watch = _Watch(stream, pixels=pixels)
    try:
        dataset = read_partial(stream, watch)
    except InvalidDicomError:
        stream.seek(0)  # old archives hold files without the preamble and file meta
        dataset = read_partial(stream, watch, force=True)
    if pixels:
        watch.check_end()
    if not dataset.get("SOPClassUID"):
        raise Unusable(READABLE, "it has no SOP Class UID", "Remove it from the source if it is no image.")
    return dataset


def _deflated_pixels(path: Path) -> str:
    dataset = read_dataset(path)
    return next((keyword for keyword in _PIXELS.values() if keyword in dataset), "")


@cache
def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return int(tag)


@cache
def _vr_of(keyword: str, said: str) -> str:
    """The VR that a file says, or the dictionary's where it says none.

    Raises:
        Unusable: If the value would be read as a number of another kind.
    """
    known: str = dictionary_VR(_tag(keyword))
    if said in ("", "UN"):
        return known
    if _ALIKE.get(said, said) != _ALIKE.get(known, known):
        raise Unusable(f"{keyword} has the VR {known}", said, "Export the series again.")
    return said


def value_text(dataset: Dataset, keyword: str) -> str:
    """A value of a data set as text; see `Attributes`."""
    value = _value(dataset, keyword)
    return "" if value is None else "\\".join(str(item) for item in _several(value)).strip()


def value_numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """A value of a data set as finite numbers; see `Attributes`."""
    value = _value(dataset, keyword)
    if value is None or value == "":
        return ()
    _vr_of(keyword, str(dataset[keyword].VR))
    try:
        if "_" in str(value):  # Python's digits may be grouped, DICOM's may not
            raise ValueError
        return _finite(keyword, tuple(float(item) for item in _several(value)))
    except (TypeError, ValueError) as error:
        raise _no_number(keyword) from error


def value_whole(dataset: Dataset, keyword: str) -> int | None:
    """A value of a data set as one whole number; see `Attributes`."""
    return _one_whole(keyword, value_numbers(dataset, keyword))


def value_items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Items of a sequence; none when it is absent or empty.

    Raises:
        Unusable: If it is no sequence.
    """
    value = _value(dataset, keyword)
    if not value:
        return ()
    if not isinstance(value, DicomSequence):
        raise Unusable(f"{keyword} is a sequence", "it is something else", "Export the file again.")
    items: Sequence[Dataset] = value
    return items


def _several(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]


def _finite(keyword: str, numbers: tuple[float, ...]) -> tuple[float, ...]:
    if not all(map(math.isfinite, numbers)):
        raise Unusable(f"{keyword} is finite", str(numbers), "Export the series with its geometry.")
    return numbers


def _one_whole(keyword: str, numbers: tuple[float, ...]) -> int | None:
    if not numbers:
        return None
    if len(numbers) != 1 or numbers[0] != int(numbers[0]):
        raise Unusable(f"{keyword} is one whole number", str(numbers), "Export the series again.")
    return int(numbers[0])


def _no_number(keyword: str) -> Unusable:
    return Unusable(f"{keyword} is a number", "it is something else", "Export the series again.")


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except Exception as error:  # pydicom converts a value when it is asked for
        raise Unusable(
            f"{keyword} can be decoded", type(error).__name__, "Export the series again."
        ) from error
