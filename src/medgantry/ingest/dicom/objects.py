"""The DICOM objects of a case, de-identified, verified and packed: what later steps need to answer in DICOM.

A tar of Part 10 files, slices first in their order, then the mask objects. Without `keep_dicom` the slices have no
pixels: a segmentation can refer to them all the same.
"""

import io
import tarfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from medgantry.dicom.decoding import is_compressed
from medgantry.dicom.deidentification.deidentify import Deidentifier, own_file_meta
from medgantry.dicom.deidentification.verify import Needles, harvest, verify_object
from medgantry.errors import InvalidInput

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_HARVEST_BYTES = 4 << 20
"""How much of a source file is searched for names: headers are far smaller."""
_NO_NEEDLES = Needles(uids=frozenset(), dates=frozenset(), names=frozenset())


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
    """
    needles, actions, first = _NO_NEEDLES, Counter[str](), Dataset()
    with tarfile.open(target, "w") as archive:
        for index, path in enumerate([*slices, *masks]):
            is_slice = index < len(slices)
            dataset = _read(path, pixels=keep or not is_slice)
            if deidentifier is not None:
                found = harvest(_header_bytes(path))
                actions += deidentifier(dataset).actions
            data = _write(dataset)
            if deidentifier is not None:
                _check(data, found, deidentifier)
                needles = needles.union(found)
            member = tarfile.TarInfo(f"{'slice' if is_slice else 'mask'}-{index:05}.dcm")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            first = dataset if index == 0 else first
    return Packed(first=first, needles=needles, actions=actions)


def _check(data: bytes, found: Needles, deidentifier: Deidentifier) -> None:
    findings = verify_object(data, found, deidentifier.options)
    if findings:
        kinds = Counter(str(finding) for finding in findings)
        raise IdentityLeft(
            f"The verifier found what must not leave: {'; '.join(sorted(kinds)[:10])}.",
            "Nothing of this study was published. Report it with the attribute's name, not its value.",
        )


def _read(path: Path, *, pixels: bool) -> Dataset:
    dataset = dcmread(path, stop_before_pixels=not pixels, force=True)
    if not pixels:
        for keyword in _PIXELS:
            if keyword in dataset:  # deflated files are read whole
                delattr(dataset, keyword)
    return dataset


def _write(dataset: Dataset) -> bytes:
    """As Explicit VR Little Endian; compressed pixels stay compressed, in that encoding.

    What a server writes into the file meta on the way is not the object's: the same object is the same bytes.
    """
    syntax = dataset.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")
    dataset.file_meta = own_file_meta(dataset, syntax)
    if not (is_compressed(syntax) and "PixelData" in dataset):
        if syntax == ExplicitVRBigEndian and "PixelData" in dataset and dataset.BitsAllocated > 8:
            words = np.frombuffer(dataset.PixelData, f">u{dataset.BitsAllocated // 8}")
            dataset.PixelData = words.astype(words.dtype.newbyteorder("<")).tobytes()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    dcmwrite(stream, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return stream.getvalue()


def _header_bytes(path: Path) -> bytes:
    """The file as it can be searched: from its beginning, inflated where the data set is deflated."""
    with path.open("rb") as stream:
        data = stream.read(_HARVEST_BYTES)
    if DeflatedExplicitVRLittleEndian.encode() in data[:1024]:
        meta = dcmread(path, stop_before_pixels=True).file_meta
        start = 144 + int(meta.FileMetaInformationGroupLength)
        return data[:start] + zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], _HARVEST_BYTES)
    return data
