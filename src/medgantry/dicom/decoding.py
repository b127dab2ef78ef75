"""Stored values of slices, from any transfer syntax, as the file's numbers before rescaling."""

import re
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
)

from medgantry.dicom.elements import LONG_VRS, UNDEFINED
from medgantry.dicom.frame import Frame, PixelFormat
from medgantry.dicom.header import read_dataset
from medgantry.ledger import Unusable

Array = NDArray[Any]
COMPLETE = "the pixel data are complete"
AGAIN = "Fetch the series again."
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
"""Deflated Image Frame Compression, which pydicom does not know."""
_END_OF_IMAGE = b"\xff\xd9"
_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
_J2K_START = b"\xff\x4f\xff\x51"
"""A codestream's start, and that of the segment with its size (ISO/IEC 15444-1 A.5.1)."""
JPEGS = {
    **dict.fromkeys(JPEGTransferSyntaxes[:2], (0xC0, 0xC1)),
    **dict.fromkeys(JPEGTransferSyntaxes[2:], (0xC3,)),
    **dict.fromkeys(JPEGLSTransferSyntaxes, (0xF7,)),
    **dict.fromkeys(JPEG2000TransferSyntaxes, (0x51,)),
}
"""Transfer syntax -> markers that its frames begin with (ISO/IEC 10918-1 B.1.1.3, 14495-1 C.1.1)."""
_JPEG_STARTS = (0xC0, 0xC1, 0xC2, 0xC3, 0xF7)
_DENSEST = 1000
"""How many times larger pixels are than their file, at most: a slice of nothing but air comes near it."""
_RLE_PADDING = re.compile(r"RLE segment contains.*?(\d+) vs\. (\d+) bytes")
_LAST_TAG = 0x7FE00010
_FASTEST = {
    **dict.fromkeys(JPEG2000TransferSyntaxes, "pylibjpeg"),
    **dict.fromkeys(JPEGLSTransferSyntaxes, "pyjpegls"),
    **dict.fromkeys(JPEGTransferSyntaxes[2:], "gdcm"),
}
"""Where pydicom would take another: openjpeg needs 10 % less than GDCM, CharLS by itself 30 % less; GDCM alone decodes
lossless JPEG."""


def is_compressed(syntax: str) -> bool:
    """Whether frames are compressed one by one; also true of a transfer syntax that nobody knows."""
    known = UID(syntax)
    return not known.is_transfer_syntax or known.is_encapsulated


def check_room(frames: Sequence[Frame]) -> None:
    """Refuse more pixels than the files can hold, before room is made for them.

    Raises:
        Unusable: If rows, columns or bits cannot be true.
    """
    files = {frame.path: frame.transfer_syntax in _NATIVE for frame in frames}
    there = sum(path.stat().st_size * (1 if native else _DENSEST) for path, native in files.items())
    first = frames[0].pixels
    wanted = (
        len(frames) * first.rows * first.columns * min(frame.pixels.bits_allocated for frame in frames) // 8
    )
    if wanted > there:
        raise Unusable(COMPLETE, f"{wanted} bytes wanted, the files cannot hold more than {there}", AGAIN)


def stored_values(frames: Sequence[Frame], out: Array) -> None:
    """Read the stored values of slices of one file or of several.

    Args:
        frames: The slices.
        out: (slices, rows, columns), of a type that holds every stored value; filled in their order.

    Raises:
        Unusable: If pixel data are cut off, too long, or cannot be decoded.
    """
    by_file: dict[Path, list[int]] = {}
    for place, frame in enumerate(frames):
        by_file.setdefault(frame.path, []).append(place)
    for places in by_file.values():
        first = frames[places[0]]
        if first.transfer_syntax in _NATIVE:
            _read_native(frames, places, out)
        else:
            _decode(frames, places, out)


def dtype_of(pixels: PixelFormat, big_endian: bool = False) -> np.dtype[Any]:
    """The type of stored values in a file."""
    return np.dtype(f"{'>' if big_endian else '<'}{pixels.kind}{pixels.bits_allocated // 8}")


def _read_native(frames: Sequence[Frame], places: Sequence[int], out: Array) -> None:
    first = frames[places[0]]
    pixels, big = first.pixels, first.transfer_syntax == ExplicitVRBigEndian
    kind = dtype_of(pixels, big)
    size = pixels.rows * pixels.columns * kind.itemsize
    with first.path.open("rb", buffering=0) as stream:
        stream.seek(first.pixels_at)
        element = stream.read(12)
        explicit = first.transfer_syntax != ImplicitVRLittleEndian
        length = int.from_bytes(element[8:12] if explicit else element[4:8], "big" if big else "little")
        start = first.pixels_at + (12 if explicit else 8)
        end = first.path.stat().st_size
        _check_length(length, size * pixels.frames, end - start)
        _check_rest(stream, start + length, end, first.transfer_syntax)
        direct = kind == out.dtype and out.flags.c_contiguous
        for place in places:
            stream.seek(start + frames[place].index * size)
            if direct:
                stream.readinto(memoryview(out[place]).cast("B"))
            else:
                out[place] = np.frombuffer(stream.read(size), kind).reshape(pixels.rows, pixels.columns)
            _clear_unused(out[place], pixels)


def _check_length(said: int, wanted: int, there: int) -> None:
    if said not in (wanted, wanted + wanted % 2) or there < wanted:
        raise Unusable(COMPLETE, f"{wanted} bytes wanted, {said} said, {there} in the file", AGAIN)


def _check_rest(stream: BinaryIO, at: int, end: int, syntax: str) -> None:
    """What follows the pixels are elements, or bytes were put in before: then all pixels behind them are moved."""
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    tag = _LAST_TAG
    while at < end:
        stream.seek(at)
        head = stream.read(12).ljust(12, b"\0")
        group, element = struct.unpack_from(f"{order}HH", head)
        if tag >= group << 16 | element:
            break
        tag = group << 16 | element
        if syntax == ImplicitVRLittleEndian:
            begin, (length,) = 8, struct.unpack_from("<L", head, 4)
        elif head[4:6] in LONG_VRS:
            begin, (length,) = 12, struct.unpack_from(f"{order}L", head, 8)
        else:
            begin, (length,) = 8, struct.unpack_from(f"{order}H", head, 6)
        if length == UNDEFINED:
            return
        at += begin + length
    if at != end:
        raise Unusable(COMPLETE, "bytes that are no element follow", AGAIN)


def _clear_unused(stored: Array, pixels: PixelFormat) -> None:
    """Clear the bits above the stored ones, or extend the sign into them: they may hold an overlay (PS3.5 8.1.1)."""
    if pixels.kind == "f" or pixels.bits_stored == pixels.bits_allocated:
        return
    if pixels.kind == "u":
        stored &= (1 << pixels.bits_stored) - 1
        return
    unused = stored.dtype.itemsize * 8 - pixels.bits_stored
    stored <<= unused
    stored >>= unused


def _decode(frames: Sequence[Frame], places: Sequence[int], out: Array) -> None:
    first = frames[places[0]]
    try:
        dataset = read_dataset(first.path)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for place in places:
                found = _one_frame(dataset, first, frames[place].index)
                if found.shape != out.shape[1:]:
                    raise Unusable(COMPLETE, f"a decoded frame has shape {found.shape}", AGAIN)
                out[place] = found
                _clear_unused(out[place], first.pixels)
        _check_said(said)
    except (Unusable, MemoryError):
        raise
    except Exception as error:  # decoders raise nearly anything
        raise Unusable(
            "the pixel data can be decoded", f"{type(error).__name__}: {error}"[:200], AGAIN
        ) from error


def _check_said(said: Sequence[warnings.WarningMessage]) -> None:
    """Refuse a frame of which the decoder had more than was asked for, but for a byte that makes a length even."""
    for warning in said:
        found = _RLE_PADDING.search(str(warning.message))
        if found and int(found[1]) > int(found[2]) + 1:
            raise Unusable(COMPLETE, f"a frame has {found[1]} bytes of {found[2]}", AGAIN)


def _one_frame(dataset: Any, frame: Frame, index: int) -> Array:
    syntax = UID(frame.transfer_syntax)
    pixels = frame.pixels
    if syntax in JPEGS:
        code = get_frame(dataset.PixelData, index, number_of_frames=pixels.frames)
        check_code(code, syntax, (pixels.rows, pixels.columns), pixels.bits_allocated)
    elif not is_compressed(syntax):
        wanted = pixels.rows * pixels.columns * pixels.frames * pixels.bits_allocated // 8
        _check_length(len(dataset.PixelData), wanted, len(dataset.PixelData))
    decoder = get_decoder(syntax)
    array, _ = decoder.as_array(dataset, index=index, raw=True, decoding_plugin=_FASTEST.get(syntax, ""))
    return np.asarray(array)


def check_code(code: bytes, syntax: str, shape: tuple[int, ...], bits: int) -> None:
    """Refuse a compressed frame that is cut off, or is not what the header says: decoders guess, make room, or crash.

    Args:
        code: The frame.
        syntax: One of JPEGS.
        shape: Rows and columns that it should have.
        bits: BitsAllocated that its values should need.

    Raises:
        Unusable: If it is not what it should be.
        struct.error: If it does not say what it is.
    """
    if not code.rstrip(b"\0").endswith(_END_OF_IMAGE):
        raise Unusable(COMPLETE, "a compressed frame has no end", AGAIN)
    marker, depth, *size = _start_of_code(code)
    if marker not in JPEGS[syntax]:
        raise Unusable("frames are of the transfer syntax", f"one begins with the marker {marker:02X}", AGAIN)
    if (*size,) != shape or -(-depth // 8) * 8 != max(bits, 8):
        raise Unusable(
            "frames are what the header says", f"{size} of {depth} bits for {shape} of {bits} bits", AGAIN
        )


def _start_of_code(code: bytes) -> tuple[int, int, int, int]:
    """Marker, bits of a value, rows and columns of a JPEG, JPEG-LS or JPEG 2000 stream."""
    at = code.find(_J2K_START, 0, 256)
    if at >= 0:
        right, bottom, left, top = struct.unpack_from(">4L", code, at + 8)
        depth = (code[at + 42] & 0x7F) + 1  # the highest bit says that values are signed
        return _J2K_START[-1], depth, bottom - top, right - left
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", code, at)
        kind = marker & 0xFF
        if marker < 0xFF00:
            raise struct.error("no marker")
        if kind in _JPEG_STARTS:
            depth, rows, columns = struct.unpack_from(">BHH", code, at + 4)
            return kind, depth, rows, columns
        at += 1 if kind == 0xFF else 2 + length
