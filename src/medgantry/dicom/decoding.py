"""Stored values of slices, from any transfer syntax, as the file's numbers before rescaling."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
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

from medgantry.dicom.frame import Frame, PixelFormat
from medgantry.ledger import Unusable

Array = NDArray[Any]
COMPLETE = "the pixel data are complete"
AGAIN = "Fetch the series again."
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
"""Deflated Image Frame Compression, which pydicom does not know."""
_END_OF_IMAGE = b"\xff\xd9"
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
        if first.transfer_syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian):
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
        _check_length(length, size * pixels.frames, first.path.stat().st_size - start)
        direct = kind == out.dtype and out.flags.c_contiguous
        for place in places:
            stream.seek(start + frames[place].index * size)
            if direct:
                stream.readinto(memoryview(out[place]).cast("B"))
            else:
                out[place] = np.frombuffer(stream.read(size), kind).reshape(pixels.rows, pixels.columns)
            _right_align(out[place], pixels)


def _check_length(said: int, wanted: int, there: int) -> None:
    if said not in (wanted, wanted + wanted % 2) or there < wanted:
        raise Unusable(COMPLETE, f"{wanted} bytes wanted, {said} said, {there} in the file", AGAIN)


def _right_align(stored: Array, pixels: PixelFormat) -> None:
    """Move the stored bits to the low end and extend the sign: other bits may hold an overlay (PS3.5 8.1.1)."""
    if pixels.kind == "f" or pixels.bits_stored == pixels.bits_allocated:
        return
    if pixels.kind == "u":
        if pixels.high_bit != pixels.bits_stored - 1:
            stored >>= pixels.high_bit + 1 - pixels.bits_stored
        stored &= (1 << pixels.bits_stored) - 1
        return
    width = stored.dtype.itemsize * 8
    stored <<= width - 1 - pixels.high_bit
    stored >>= width - pixels.bits_stored


def _decode(frames: Sequence[Frame], places: Sequence[int], out: Array) -> None:
    first = frames[places[0]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(first.path, force=True)
            for place in places:
                found = _one_frame(dataset, first, frames[place].index)
                if found.shape != out.shape[1:]:
                    raise Unusable(COMPLETE, f"a decoded frame has shape {found.shape}", AGAIN)
                out[place] = found
                _right_align(out[place], first.pixels)
    except Unusable:
        raise
    except Exception as error:  # decoders raise nearly anything
        raise Unusable(
            "the pixel data can be decoded", f"{type(error).__name__}: {error}"[:200], AGAIN
        ) from error


def _one_frame(dataset: Any, frame: Frame, index: int) -> Array:
    syntax = UID(frame.transfer_syntax)
    if syntax in (
        *JPEGTransferSyntaxes,
        *JPEG2000TransferSyntaxes,
        *JPEGLSTransferSyntaxes,
    ):
        # Decoders fill what a cut-off stream leaves out.
        code = get_frame(dataset.PixelData, index, number_of_frames=frame.pixels.frames)
        if not code.rstrip(b"\0").endswith(_END_OF_IMAGE):
            raise Unusable(COMPLETE, "a compressed frame has no end", AGAIN)
    elif not is_compressed(syntax):
        wanted = (
            frame.pixels.rows * frame.pixels.columns * frame.pixels.frames * frame.pixels.bits_allocated // 8
        )
        _check_length(len(dataset.PixelData), wanted, len(dataset.PixelData))
    decoder = get_decoder(syntax)
    array, _ = decoder.as_array(dataset, index=index, raw=True, decoding_plugin=_FASTEST.get(syntax, ""))
    return np.asarray(array)
