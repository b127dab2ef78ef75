"""DICOM Segmentation (PS3.3 C.8.20): frames of segments, put where they belong on an image's grid.

A frame's place is its plane position; the image it was derived from confirms it, and stands in where it is missing.
InstanceNumber, frame order and dimension indices are never used.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless

from medgantry.dicom.decoding import DEFLATED_FRAMES, JPEGS, check_code, is_compressed
from medgantry.dicom.deidentification.vocabulary import shown_term
from medgantry.dicom.grid import ORIENTATION_TOLERANCE
from medgantry.dicom.header import read_dataset, value_items, value_numbers, value_text, value_whole
from medgantry.dicom.structures import (
    ALIGNED,
    INSIDE,
    SAME_FRAME,
    Proof,
    Structure,
    check_reference,
    nearest_voxel,
    tolerance_mm,
)
from medgantry.dicom.volume import SliceKey, Volume
from medgantry.ledger import Unusable

Mask = NDArray[Any]
_AGAIN = "Make the segmentation again on this series."
_COMPLETE = "the segmentation's pixels are complete"
_DENSEST_RLE = 64
"""Times that RLE can make bytes fewer (PS3.5 G.3.1)."""
_DESCRIBED = "a segmentation describes each segment once"
_BACKGROUND = 0
"""What a label map's pixels have outside of all segments."""


@dataclass(frozen=True, kw_only=True)
class _Frame:
    index: int
    segment: int
    """Segment number; 0 in a label map, where the pixel says it."""
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    source: SliceKey | None


class Segmentation:
    """One SEG object; a `Masks`.

    Raises:
        Unusable: If it cannot be read or lacks what every segmentation has.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._dataset = read_dataset(path)
            self._kind = value_text(self._dataset, "SegmentationType")
            self._shape = tuple(value_whole(self._dataset, name) or 0 for name in ("Rows", "Columns"))
            self._count = value_whole(self._dataset, "NumberOfFrames") or 0
            self._frames = list(self._read_frames())
            numbers = [structure.number for structure in self.structures]
        except (Unusable, MemoryError):
            raise
        except Exception as error:  # a damaged file makes pydicom raise nearly anything
            raise Unusable("the segmentation can be read", type(error).__name__, _AGAIN) from error
        if self._kind not in ("BINARY", "FRACTIONAL", "LABELMAP") or not self._count or not min(self._shape):
            raise Unusable(
                "a segmentation is BINARY, FRACTIONAL or LABELMAP and has frames",
                f"{shown_term('SegmentationType', self._kind)}, {self._count} frames",
                _AGAIN,
            )
        if not numbers or len(set(numbers)) < len(numbers):
            raise Unusable(_DESCRIBED, f"{len(numbers)} described", _AGAIN)
        self._check_described({frame.segment for frame in self._frames if self._kind != "LABELMAP"})

    def _check_described(self, numbers: set[int]) -> None:
        """What has frames or pixels is named, or it would be left out without a word."""
        unknown = numbers - {structure.number for structure in self.structures}
        if unknown:
            raise Unusable(_DESCRIBED, f"{len(unknown)} are not", _AGAIN)

    @cached_property
    def structures(self) -> Sequence[Structure]:
        """All segments."""
        return [_structure(item) for item in value_items(self._dataset, "SegmentSequence")]

    @cached_property
    def referenced_series(self) -> Sequence[str]:
        """Series it was drawn on, as it says."""
        items = value_items(self._dataset, "ReferencedSeriesSequence")
        return sorted({value_text(item, "SeriesInstanceUID") for item in items} - {""})

    @cached_property
    def referenced_instances(self) -> Sequence[str]:
        """Slices that frames were derived from."""
        return sorted({frame.source[0] for frame in self._frames if frame.source})

    def paint(self, codes: Mapping[int, int], volume: Volume, out: Mask) -> Proof:
        """Or each segment's code into the voxels that it covers; see `Masks`.

        A fractional voxel counts from one half on.
        """
        proof = Proof()
        wanted = [frame for frame in self._frames if not frame.segment or frame.segment in codes]
        if not wanted:
            raise Unusable("a segment has frames", "there are none", _AGAIN)
        self._check_frame_of_reference(volume, wanted)
        places = self._places(wanted, volume, proof)
        if self._kind == "FRACTIONAL":
            kind = "SegmentationFractionalType"
            proof.notes.append(f"{shown_term(kind, value_text(self._dataset, kind))} from 0.5 on")
        pixels = self._pixels()
        if self._kind == "LABELMAP":
            self._check_described(set(np.unique(pixels).tolist()) - {_BACKGROUND})
        for frame, place in zip(wanted, places, strict=True):
            plane = pixels[frame.index].reshape(self._shape)
            for code, mask in self._masks(plane, frame, codes):
                if mask.any():
                    _or_into(out, place, mask, code)
        return proof

    def _masks(self, plane: Mask, frame: _Frame, codes: Mapping[int, int]) -> Iterator[tuple[int, Mask]]:
        if self._kind == "LABELMAP":
            for number, code in codes.items():
                yield code, plane == number
        elif self._kind == "FRACTIONAL":
            full = value_whole(self._dataset, "MaximumFractionalValue") or 0
            if not max(1, int(plane.max())) <= full <= 255:
                raise Unusable("a fractional segmentation says its MaximumFractionalValue", str(full), _AGAIN)
            yield codes[frame.segment], plane * 2.0 >= full
        else:
            yield codes[frame.segment], plane.view(bool)

    def _check_frame_of_reference(self, volume: Volume, wanted: Sequence[_Frame]) -> None:
        mine = value_text(self._dataset, "FrameOfReferenceUID")
        if mine and mine != volume.frame_of_reference_uid:
            raise Unusable(
                SAME_FRAME, "they differ", "Register the images, or choose the series it was drawn on."
            )
        if not mine and not all(frame.source in volume.slices for frame in wanted):
            raise Unusable(
                SAME_FRAME, "the mask names none, and not every frame refers to a slice of the image", _AGAIN
            )

    def _places(self, wanted: Sequence[_Frame], volume: Volume, proof: Proof) -> list[NDArray[np.int64]]:
        places = []
        for frame in wanted:
            self._check_plane(frame, volume)
            if frame.position_mm:
                place = nearest_voxel(np.array([frame.position_mm]), volume, proof)[0]
                check_reference(frame.source, int(place[0]), volume, proof)
            else:  # _check_plane saw that a source is there and that the matrix is the image's
                assert frame.source is not None
                place = np.array([volume.slices[frame.source], 0, 0])
                proof.referred += 1
            places.append(place)
        proof.planes = len(places)
        return places

    def _check_plane(self, frame: _Frame, volume: Volume) -> None:
        grid = volume.grid
        directions = np.concatenate(
            [grid.affine[:3, 2] / grid.spacing_mm[2], grid.affine[:3, 1] / grid.spacing_mm[1]]
        )
        referred = frame.source in volume.slices
        if not frame.position_mm and not (referred and self._shape == grid.shape[1:]):
            raise Unusable(ALIGNED, "a frame has no position and refers to no slice of the image", _AGAIN)
        if frame.orientation:
            if np.abs(np.array(frame.orientation) - directions).max() > ORIENTATION_TOLERANCE:
                raise Unusable(ALIGNED, "the mask's plane has another orientation", "Resample the mask.")
        elif not referred:
            raise Unusable(ALIGNED, "a frame has no orientation and refers to no slice of the image", _AGAIN)
        if frame.spacing_mm:
            extent = np.abs(np.array(frame.spacing_mm) - grid.spacing_mm[1:]) * self._shape
            if (extent > [tolerance_mm(step) for step in grid.spacing_mm[1:]]).any():
                raise Unusable(
                    ALIGNED, f"the mask's pixel spacing is {frame.spacing_mm}", "Resample the mask."
                )
        elif not referred:
            raise Unusable(
                ALIGNED, "a frame has no pixel spacing and refers to no slice of the image", _AGAIN
            )

    def _read_frames(self) -> Iterator[_Frame]:
        shared = [*value_items(self._dataset, "SharedFunctionalGroupsSequence"), Dataset()][0]
        own = value_items(self._dataset, "PerFrameFunctionalGroupsSequence")
        if len(own) != self._count:
            raise Unusable(
                "a segmentation describes each frame", f"{self._count} frames, {len(own)} described", _AGAIN
            )
        for index, item in enumerate(own):
            groups = [item, shared, self._dataset]
            number = _numbers(groups, "SegmentIdentificationSequence", "ReferencedSegmentNumber", 1)
            if not number and self._kind != "LABELMAP":
                raise Unusable("a frame names its segment", f"frame {index + 1} does not", _AGAIN)
            yield _Frame(
                index=index,
                segment=int(number[0]) if number else 0,
                position_mm=_numbers(groups, "PlanePositionSequence", "ImagePositionPatient", 3),
                orientation=_numbers(groups, "PlaneOrientationSequence", "ImageOrientationPatient", 6),
                spacing_mm=_numbers(groups, "PixelMeasuresSequence", "PixelSpacing", 2),
                source=_source(groups),
            )

    def _pixels(self) -> Mask:
        """Stored values, (frames, rows x columns); uint8 0 or 1 for one-bit pixels."""
        data = self._dataset.get("PixelData") or b""
        bits = value_whole(self._dataset, "BitsAllocated")
        try:
            if is_compressed(self._dataset.file_meta.get("TransferSyntaxUID", "")):
                found = self._compressed(data, bits)
            else:
                found = self._native(data, bits)
        except (Unusable, MemoryError):
            raise
        except Exception as error:
            raise Unusable(
                "the segmentation's pixels can be decoded", type(error).__name__, _AGAIN
            ) from error
        if found.size != self._count * self._shape[0] * self._shape[1]:
            raise Unusable(_COMPLETE, f"{found.size} values", _AGAIN)
        return found.reshape(self._count, -1)

    def native_pixels(self) -> bytes:
        """The frames uncompressed, as Explicit VR Little Endian holds them (PS3.5 8.1.1)."""
        values = self._pixels()
        if value_whole(self._dataset, "BitsAllocated") == 1:
            data = np.packbits(values.reshape(-1), bitorder="little").tobytes()
        else:
            data = values.astype(values.dtype.newbyteorder("<")).tobytes()
        return data + bytes(len(data) % 2)

    def _native(self, data: bytes, bits: int | None) -> Mask:
        pixels = self._count * self._shape[0] * self._shape[1]
        size = (pixels * (bits or 0) + 7) // 8
        if bits not in (1, 8, 16) or len(data) not in (size, size + size % 2):
            raise Unusable(_COMPLETE, f"{len(data)} bytes of {size}, {bits} bits a pixel", _AGAIN)
        if bits == 1:
            # Frames follow each other bit by bit, without filling up the last byte of each (PS3.5 8.1.1).
            return np.unpackbits(np.frombuffer(data, np.uint8), count=pixels, bitorder="little")
        return np.frombuffer(data[:size], np.uint8 if bits == 8 else np.uint16)

    def _compressed(self, data: bytes, bits: int | None) -> Mask:
        syntax = self._dataset.file_meta.TransferSyntaxUID
        frames = list(generate_frames(data, number_of_frames=self._count))
        pixels = self._shape[0] * self._shape[1]
        size = (pixels * (bits or 0) + 7) // 8
        if bits == 1 and syntax in (DEFLATED_FRAMES, RLELossless):
            unpack = _inflate if syntax == DEFLATED_FRAMES else _unpack_rle
            packed = [np.frombuffer(unpack(frame, size), np.uint8) for frame in frames]
            return np.stack([np.unpackbits(part, count=pixels, bitorder="little") for part in packed])
        for frame in frames:
            if syntax in JPEGS:
                check_code(frame, syntax, self._shape, bits or 0)
            elif size > _DENSEST_RLE * len(frame):
                raise Unusable(_COMPLETE, f"{len(frame)} bytes for {size}", _AGAIN)
        return np.asarray(self._dataset.pixel_array, np.uint8 if bits == 1 else None)


def _or_into(out: Mask, place: NDArray[np.int64], mask: Mask, code: int) -> None:
    """Paint one plane at (slice, row, column) of its first pixel; what lies outside of the image must be empty."""
    slice_index, row, column = (int(value) for value in place)
    rows = slice(max(row, 0), min(row + mask.shape[0], out.shape[1]))
    columns = slice(max(column, 0), min(column + mask.shape[1], out.shape[2]))
    inside = mask[
        rows.start - row : max(rows.stop - row, 0), columns.start - column : max(columns.stop - column, 0)
    ]
    if not 0 <= slice_index < out.shape[0] or np.count_nonzero(inside) != np.count_nonzero(mask):
        raise Unusable(
            INSIDE,
            f"a plane with voxels lies at slice {slice_index}, row {row}, column {column} of {out.shape}",
            "Fetch the series whole: slices at an end may be missing.",
        )
    if inside.all():
        out[slice_index, rows, columns] |= code
    else:
        out[slice_index, rows, columns] |= inside.astype(out.dtype) * out.dtype.type(code)


def _structure(item: Dataset) -> Structure:
    words = [value_text(item, "SegmentLabel"), value_text(item, "SegmentDescription")]
    for sequence in (
        "SegmentedPropertyTypeCodeSequence",
        "SegmentedPropertyCategoryCodeSequence",
        "AnatomicRegionSequence",
    ):
        for code in value_items(item, sequence):
            words += [value_text(code, "CodeMeaning"), value_text(code, "CodeValue")]
    words.append(value_text(item, "TrackingID"))
    number = value_whole(item, "SegmentNumber")
    if number is None:
        raise Unusable("a segment has a number", "one has none", _AGAIN)
    return Structure(number=number, words=[word for word in words if word])


def _numbers(groups: Sequence[Dataset], sequence: str, keyword: str, count: int) -> tuple[float, ...]:
    for group in groups:
        items = value_items(group, sequence)
        if items and keyword in items[0]:
            numbers = value_numbers(items[0], keyword)
            if len(numbers) != count:
                raise Unusable(f"{keyword} has {count} values", str(len(numbers)), _AGAIN)
            return numbers
    return ()


def _source(groups: Sequence[Dataset]) -> SliceKey | None:
    """The one slice that a frame was derived from; None when it names none or several."""
    for group in groups[:2]:
        keys = {
            (
                value_text(image, "ReferencedSOPInstanceUID"),
                (value_whole(image, "ReferencedFrameNumber") or 1) - 1,
            )
            for derivation in value_items(group, "DerivationImageSequence")
            for image in value_items(derivation, "SourceImageSequence")
        }
        if len(keys) == 1:
            return keys.pop()
    return None


def _inflate(frame: bytes, size: int) -> bytes:
    found = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, size + 2)
    return _exactly(found, size)


def _unpack_rle(frame: bytes, size: int) -> bytes:
    """The bytes of a one-segment RLE frame (PS3.5 Annex G), here packed bits."""
    out, at, data = bytearray(), 0, frame[int.from_bytes(frame[4:8], "little") :]
    while at < len(data) and len(out) <= size + 1:
        control = data[at]
        if control < 128:
            out += data[at + 1 : at + 2 + control]
            at += 2 + control
        elif control > 128:
            out += data[at + 1 : at + 2] * (257 - control)
            at += 2
        else:
            at += 1
    return _exactly(bytes(out), size)


def _exactly(found: bytes, size: int) -> bytes:
    """A frame's bytes without the one that makes their number even."""
    if len(found) not in (size, size + size % 2):
        raise Unusable(_COMPLETE, f"a frame has {len(found)} bytes of {size}", _AGAIN)
    return found[:size]
