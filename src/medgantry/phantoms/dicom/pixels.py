"""Stored values to the bytes of PixelData, in any layout of bits and any transfer syntax we can encode."""

from dataclasses import dataclass
from typing import Literal

import gdcm  # type: ignore[import-untyped,unused-ignore]
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

Stored = NDArray[np.int64]

TRANSFER_SYNTAXES: tuple[UID, ...] = (
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
    RLELossless, JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1,
)  # fmt: skip
"""Lossless syntaxes that can be written here."""

_PLUGINS = {RLELossless: "pydicom", JPEGLSLossless: "pyjpegls", JPEG2000Lossless: "pylibjpeg"}


@dataclass(frozen=True, kw_only=True)
class PixelFormat:
    """How a stored value lies in its word.

    Attributes:
        bits_allocated: Size of the word.
        bits_stored: Size of the value in it.
        high_bit: Place of the value's highest bit.
        signed: Two's complement.
    """

    bits_allocated: int = 16
    bits_stored: int = 16
    high_bit: int = 15
    signed: bool = True

    @property
    def lowest(self) -> int:
        """The smallest value that can be stored."""
        return -(1 << (self.bits_stored - 1)) if self.signed else 0

    @property
    def highest(self) -> int:
        """The largest value that can be stored."""
        return (1 << (self.bits_stored - 1)) - 1 if self.signed else (1 << self.bits_stored) - 1

    def words(self, stored: Stored) -> NDArray[np.unsignedinteger]:
        """Return the words of stored values, sign-extended to the word's upper end.

        Args:
            stored: Any shape, within `lowest` and `highest`.
        """
        shift = self.high_bit + 1 - self.bits_stored
        mask = (1 << self.bits_allocated) - 1
        return ((stored << shift) & mask).astype(f"u{self.bits_allocated // 8}")


def set_pixels(
    dataset: Dataset,
    stored: Stored,
    layout: PixelFormat,
    *,
    transfer_syntax: UID,
    photometric: str = "MONOCHROME2",
) -> None:
    """Put stored values into a data set and name the syntax in its file meta.

    Args:
        dataset: Changed in place; it must have file_meta.
        stored: (row, column) or (frame, row, column).
        layout: How the values lie in their words.
        transfer_syntax: One of TRANSFER_SYNTAXES.
        photometric: MONOCHROME1 or MONOCHROME2; the values are the same for both.
    """
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated = layout.bits_allocated
    dataset.BitsStored = layout.bits_stored
    dataset.HighBit = layout.high_bit
    dataset.PixelRepresentation = int(layout.signed)
    set_words(dataset, layout.words(stored), transfer_syntax=transfer_syntax)


def set_words(dataset: Dataset, words: NDArray[np.unsignedinteger], *, transfer_syntax: UID) -> None:
    """Put words into a data set as they are; the attributes that describe them must be there.

    Args:
        dataset: Changed in place; it must have file_meta.
        words: (row, column) or (frame, row, column), unsigned.
        transfer_syntax: One of TRANSFER_SYNTAXES.
    """
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if transfer_syntax == JPEGLosslessSV1:
        frames = words.reshape(-1, *words.shape[-2:])
        dataset.PixelData = encapsulate([_jpeg_lossless(frame, dataset) for frame in frames])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = transfer_syntax
        return
    order: Literal["<", ">"] = ">" if transfer_syntax == ExplicitVRBigEndian else "<"
    content = words.astype(words.dtype.newbyteorder(order)).tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if words.dtype.itemsize == 1 else "OW"
    if transfer_syntax in _PLUGINS:
        dataset.compress(
            transfer_syntax, encoding_plugin=_PLUGINS[transfer_syntax], generate_instance_uid=False
        )
    dataset.file_meta.TransferSyntaxUID = transfer_syntax


def _jpeg_lossless(frame: NDArray[np.unsignedinteger], dataset: Dataset) -> bytes:
    """Return a frame (row, column) as JPEG Lossless, process 14, selection value 1."""
    pixels = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    pixels.SetByteStringValue(frame.astype(frame.dtype.newbyteorder("<")).tobytes())
    interpretation = gdcm.PhotometricInterpretation.GetPIType(dataset.PhotometricInterpretation)
    writer = gdcm.ImageWriter()  # owns the image, and must live as long as it
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((frame.shape[1], frame.shape[0], 1))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(interpretation))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ImplicitVRLittleEndian))
    image.SetPixelFormat(
        gdcm.PixelFormat(
            1, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
        )
    )
    image.SetDataElement(pixels)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(image)
    changed = change.Change()
    assert changed, "gdcm could not encode JPEG Lossless"
    output = change.GetOutput()
    fragment = output.GetDataElement().GetSequenceOfFragments().GetFragment(0)
    encoded: bytes = fragment.GetByteValue().GetBuffer().encode("utf-8", "surrogateescape")
    return encoded
