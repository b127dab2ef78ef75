"""Reading the header of one DICOM file, and asking it for values that may be missing, damaged or impossible."""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset, config, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medgantry.ledger import Unusable

# What a value must be is decided by our rules, one by one, with evidence; pydicom's would be warnings on stderr.
config.settings.reading_validation_mode = config.IGNORE

READABLE = "the file is readable DICOM"
_PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}


@dataclass(frozen=True, kw_only=True)
class Header:
    """One file without its pixels.

    `text`, `numbers` and `whole` give values by keyword; what is there but makes no sense raises `Unusable`.
    """

    path: Path
    dataset: Dataset
    pixels_at: int
    """Byte offset of the pixel data element in the file; -1 when it cannot be told (deflated)."""
    pixel_keyword: str
    """`PixelData`, `FloatPixelData`, `DoubleFloatPixelData`, or empty when there are no pixels."""

    @property
    def transfer_syntax(self) -> str:
        """UID of the transfer syntax; Implicit VR Little Endian where a file does not say."""
        return str(self.dataset.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))

    def text(self, keyword: str) -> str:
        """A value as text, several joined by a backslash; empty when absent."""
        return value_text(self.dataset, keyword)

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """A value as finite numbers; empty when absent."""
        return value_numbers(self.dataset, keyword)

    def whole(self, keyword: str) -> int | None:
        """A value as one whole number; None when absent."""
        return value_whole(self.dataset, keyword)


def read_header(path: Path) -> Header:
    """Read a file up to its pixels.

    Raises:
        Unusable: If it is no DICOM file, or ends within an element.
    """
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = _parse(stream)
            deflated = dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
            at = -1 if deflated else stream.tell()
            stream.seek(max(at, 0))
            tag = stream.read(4)
    except Unusable:
        raise
    except Exception as error:  # a damaged file makes pydicom raise nearly anything
        raise Unusable(READABLE, type(error).__name__, "Export or fetch the file again.") from error
    if deflated:
        keyword = _deflated_pixels(path)
    else:
        order = "little" if dataset.original_encoding[1] else "big"
        number = (int.from_bytes(tag[:2], order) << 16) | int.from_bytes(tag[2:], order)  # type: ignore[arg-type]
        keyword = _PIXELS.get(number, "")
        if not keyword and tag:
            raise Unusable(READABLE, "the data set ends within an element", "Fetch the file again.")
    return Header(path=path, dataset=dataset, pixels_at=at, pixel_keyword=keyword)


def _parse(stream: Any) -> Dataset:
    try:
        dataset = dcmread(stream, stop_before_pixels=True)
    except InvalidDicomError:
        stream.seek(0)  # old archives hold files without the preamble and file meta
        dataset = dcmread(stream, stop_before_pixels=True, force=True)
    if not dataset.get("SOPClassUID"):
        raise Unusable(READABLE, "it has no SOP Class UID", "Remove it from the source if it is no image.")
    return dataset


def _deflated_pixels(path: Path) -> str:
    dataset = dcmread(path)
    return next((keyword for keyword in _PIXELS.values() if keyword in dataset), "")


def value_text(dataset: Dataset, keyword: str) -> str:
    """A value as text, several joined by a backslash; empty when absent.

    Raises:
        Unusable: If the value cannot be decoded.
    """
    value = _value(dataset, keyword)
    if value is None:
        return ""
    several = value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    return "\\".join(str(item) for item in several).strip()


def value_numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """A value as finite numbers; empty when absent.

    Raises:
        Unusable: If one is no number, or not finite.
    """
    value = _value(dataset, keyword)
    if value is None or value == "":
        return ()
    several = value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    try:
        numbers = tuple(float(item) for item in several)
    except (TypeError, ValueError) as error:
        raise Unusable(
            f"{keyword} is a number", "it is something else", "Export the series again."
        ) from error
    if not all(math.isfinite(number) for number in numbers):
        raise Unusable(f"{keyword} is finite", str(numbers), "Export the series with its geometry.")
    return numbers


def value_whole(dataset: Dataset, keyword: str) -> int | None:
    """A value as one whole number; None when absent.

    Raises:
        Unusable: If it is none.
    """
    numbers = value_numbers(dataset, keyword)
    if not numbers:
        return None
    if len(numbers) != 1 or numbers[0] != int(numbers[0]):
        raise Unusable(f"{keyword} is one whole number", str(numbers), "Export the series again.")
    return int(numbers[0])


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except Exception as error:  # pydicom converts a value when it is asked for
        raise Unusable(
            f"{keyword} can be decoded", type(error).__name__, "Export the series again."
        ) from error
