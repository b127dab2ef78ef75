"""The DICOM objects of a case, de-identified, verified and packed: what later steps need to answer in DICOM.

A tar of Part 10 files, slices first in their order, then the mask objects. Without `keep_dicom` the slices have no
pixels: a segmentation can refer to them all the same.
"""

import io
import tarfile
import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from medgantry.dicom.decoding import dtype_of, stored_values
from medgantry.dicom.deidentification.deidentify import Deidentifier, own_file_meta
from medgantry.dicom.deidentification.harvest import Needles, harvest
from medgantry.dicom.deidentification.verify import verify_object
from medgantry.dicom.frame import read_frames
from medgantry.dicom.header import read_header
from medgantry.dicom.segmentation import Segmentation
from medgantry.errors import InvalidInput
from medgantry.ledger import Unusable

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_HARVEST_BYTES = 4 << 20
"""How much of a source file is searched for names: headers are far smaller."""
_NO_NEEDLES = Needles()


class IdentityLeft(InvalidInput):
    """The verifier found something that de-identification should have removed: the step must not go on."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What was packed."""

    first: Dataset
    """The first slice as it was packed, for facts that may be told."""
    needles: Needles
    """What of the sources must not occur in any other output."""
    actions: Counter[str]
    """What was done to which attribute, how often."""


def pack_objects(
    slices: Sequence[Path], masks: Sequence[Path], target: Path, deidentifier: Deidentifier | None, keep: bool
) -> Packed:
    """Write the tar of a case.

    Args:
        slices: Files of the series, in their order.
        masks: SEG and RTSTRUCT files that were used.
        target: The tar.
        deidentifier: None for a source that is declared de-identified.
        keep: Whether slices keep their pixels.

    Raises:
        IdentityLeft: If the verifier finds anything.
        Unusable: If an object cannot be written, such as one nested without end.
    """
    needles, actions, first = _NO_NEEDLES, Counter[str](), Dataset()
    with tarfile.open(target, "w") as archive:
        for index, path in enumerate([*slices, *masks]):
            is_slice = index < len(slices)
            dataset, data, done = _written(path, deidentifier, pixels=keep or not is_slice)
            actions += done
            if deidentifier is not None:
                found = harvest(_header_bytes(path))
                _check(data, found, deidentifier)
                needles = needles.union(found)
            member = tarfile.TarInfo(f"{'slice' if is_slice else 'mask'}-{index:05}.dcm")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            first = dataset if index == 0 else first
    return Packed(first=first, needles=needles, actions=actions)


def _written(
    path: Path, deidentifier: Deidentifier | None, *, pixels: bool
) -> tuple[Dataset, bytes, Counter[str]]:
    """An object as it leaves, its bytes, and what was done to it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            dataset = _read(path, pixels=pixels)
            done = deidentifier(dataset).actions if deidentifier is not None else Counter[str]()
            return dataset, _write(dataset), done
    except (MemoryError, Unusable):
        raise
    except Exception as error:  # what the reader did not need may be damaged all the same
        raise Unusable(
            "every object of a series can be written", type(error).__name__, "Export the series again."
        ) from error


def _check(data: bytes, found: Needles, deidentifier: Deidentifier) -> None:
    findings = verify_object(data, found, deidentifier.options)
    if findings:
        kinds = Counter(str(finding) for finding in findings)
        raise IdentityLeft(
            f"The verifier found what must not leave: {'; '.join(sorted(kinds)[:10])}.",
            "Nothing of this study was published. Report it with the attribute's name, not its value.",
        )


def _read(path: Path, *, pixels: bool) -> Dataset:
    """An object with its pixels decoded: codestreams have comments, and unused bits overlays, that nobody would see."""
    dataset = dcmread(path, stop_before_pixels=True, force=True)
    for keyword in _PIXELS:
        if keyword in dataset:  # deflated files are read whole
            delattr(dataset, keyword)
    modality = dataset.get("Modality")
    if pixels and modality == "SEG":
        dataset.add_new("PixelData", "OB", Segmentation(path).native_pixels())
    elif pixels and modality != "RTSTRUCT":
        header = read_header(path)
        frames = read_frames(header)
        stored = np.empty(
            (len(frames), frames[0].pixels.rows, frames[0].pixels.columns), dtype_of(frames[0].pixels)
        )
        stored_values(frames, stored)
        data = stored.tobytes()
        kind = {"PixelData": "OW", "FloatPixelData": "OF", "DoubleFloatPixelData": "OD"}[header.pixel_keyword]
        dataset.add_new(header.pixel_keyword, kind, data + bytes(len(data) % 2))
    return dataset


def _write(dataset: Dataset) -> bytes:
    """As Explicit VR Little Endian.

    What a server writes into the file meta on the way is not the object's: the same object is the same bytes.
    """
    dataset.file_meta = own_file_meta(dataset, ExplicitVRLittleEndian)
    stream = io.BytesIO()
    dcmwrite(stream, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return stream.getvalue()


def _header_bytes(path: Path) -> bytes:
    """What is searched for names: the file up to its pixels, inflated where the data set is deflated."""
    at = read_header(path).pixels_at
    with path.open("rb") as stream:
        data = stream.read(min(at, _HARVEST_BYTES) if at > 0 else _HARVEST_BYTES)
    if DeflatedExplicitVRLittleEndian.encode() in data[:1024]:
        meta = dcmread(path, stop_before_pixels=True).file_meta
        start = 144 + int(meta.FileMetaInformationGroupLength)
        return data[:start] + zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], _HARVEST_BYTES)
    return data
