"""Damage to one file of a sound series, each with the verdict that an honest reader should come to.

Left out is what nobody can notice: another byte in native pixels, another digit in a number that alone decides a
volume (the rescale of a slice, the geometry of a multi-frame file).
"""

import random
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO

import numpy as np
from pydicom import config, dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medgantry.phantoms.dicom.multiframe import make_multiframe
from medgantry.phantoms.dicom.pixels import set_pixels
from medgantry.phantoms.dicom.series import make_series, mr_spec, pet_spec
from medgantry.phantoms.dicom.spec import SeriesSpec
from tests.medgantry.dicom.damage import UNDEFINED, Element, File

OK, REJECTED = frozenset({"ok"}), frozenset({"rejected"})
EITHER = OK | REJECTED

FREE = (
    "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "StudyDescription", "SeriesNumber", "SeriesDate", "SeriesTime",
    "SeriesDescription", "BodyPartExamined", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber",
    "SoftwareVersions", "InstanceNumber", "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime",
    "ContentDate", "ContentTime", "PatientPosition", "SliceThickness", "SliceLocation", "KVP",
    "ConvolutionKernel", "RescaleType", "EchoTime", "RepetitionTime", "Units", "FrameReferenceTime",
)  # fmt: skip
"""Neither voxels nor geometry depend on these."""
ONE_PER_SERIES = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "FrameOfReferenceUID")
WORDS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
DECIMALS = {
    "ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2,
    "RescaleSlope": 1, "RescaleIntercept": 1,
}  # fmt: skip
NO_NUMBERS = (
    b"NaN", b"nan", b"inf", b"-inf", b"Infinity", b"1e999", b"garbage", b"1,5", b"--1", b"1_0", b"0x10", b"\xff\xfe",
    b"1.5.5", b"1 5", b"\xb2", b"1e300", b"-1e300", b"1\x005",
)  # fmt: skip
IMPOSSIBLE = {
    "ImagePositionPatient": (b"1e15\\0\\0", b"0\\1e9\\0", b"0\\0\\5000"),
    "ImageOrientationPatient": (
        b"0\\0\\0\\0\\0\\0", b"1\\0\\0\\1\\0\\0", b"2\\0\\0\\0\\1\\0", b"0\\1\\0\\1\\0\\0", b"1\\0\\0\\0\\.9\\0",
        b"1e200\\0\\0\\0\\1e200\\0",
    ),
    "PixelSpacing": (b"0\\0", b"-.7\\.8", b"1e-300\\1e-300", b".7\\0", b"1e10\\1e10", b"1.4\\1.6", b"0.8\\0.7"),
    "RescaleSlope": (b"0", b"-0.0"),
    "RescaleIntercept": (),
}  # fmt: skip
ENCAPSULATED = (RLELossless, JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Base:
    """A sound series as files, in the order of the slices, and its truth."""

    name: str
    modality: str
    files: tuple[bytes, ...]
    voxels: np.ndarray
    affine: np.ndarray

    @property
    def parsed(self) -> tuple[File, ...]:
        return tuple(map(File.parse, self.files))

    @property
    def image(self) -> bool:
        return self.modality not in ("SEG", "RTSTRUCT")

    @property
    def several(self) -> bool:
        return len(self.files) > 1


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """What was done to a series."""

    base: str
    what: str
    """The kind, and after a colon what exactly."""
    expected: frozenset[str]
    files: Mapping[int, bytes | None]
    """Slice -> its file's new bytes; None where the file is gone. A place after the last is one more file."""
    noticeable: bool = True
    """False where another voxel is no fault of the reader: the stream says nothing against it."""

    @property
    def kind(self) -> str:
        return self.what.partition(":")[0]


def as_bytes(dataset) -> bytes:
    buffer = BytesIO()
    with config.disable_value_validation():
        dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


_SPEC = SeriesSpec(slices=6, rows=9, columns=12, lesions=())
_SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "RLE": RLELossless,
    "JPEG-LS": JPEGLSLossless,
    "JPEG 2000": JPEG2000Lossless,
    "JPEG lossless": JPEGLosslessSV1,
}
BASES = ("explicit", "MR", "PET", "multi-frame", "multi-frame JPEG 2000", "float", *_SYNTAXES)


@cache
def make_base(name: str) -> Base:
    """One of BASES."""
    spec = replace(_SPEC, transfer_syntax=_SYNTAXES.get(name, _SPEC.transfer_syntax))
    if name == "MR":
        spec = mr_spec(spec)
    elif name == "PET":
        spec = pet_spec(spec)
    elif name == "multi-frame JPEG 2000":
        spec = replace(spec, transfer_syntax=JPEG2000Lossless)
    if spec.transfer_syntax in ENCAPSULATED:
        spec = replace(spec, rows=32, columns=40)  # JPEG 2000 halves it five times
    series = make_series(spec)
    datasets, voxels = series.datasets, series.voxels
    if name.startswith("multi-frame"):
        datasets = [make_multiframe(series)]
    if name == "float":
        for dataset, stored in zip(datasets, series.stored, strict=True):
            del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
            dataset.BitsAllocated = 32
            dataset.FloatPixelData = (stored + 0.25).astype("<f4").tobytes()
        voxels = voxels + np.float32(0.25)
    return Base(
        name=name,
        modality=spec.modality,
        files=tuple(map(as_bytes, datasets)),
        voxels=voxels,
        affine=series.affine,
    )


class Draw:
    """Choices of one mutation."""

    def __init__(self, base: Base, seed: int) -> None:
        self.base = base
        self.rng = random.Random(seed)
        self.slice = self.rng.randrange(len(base.files))
        self.file = base.parsed[self.slice]
        self.data = base.files[self.slice]

    def one_of(self, keywords) -> Element | None:
        there = [keyword for keyword in keywords if keyword in self.file.elements]
        return self.file.elements[self.rng.choice(there)] if there else None

    @property
    def pixels(self) -> Element:
        return list(self.file.elements.values())[-1]

    @property
    def body_at(self) -> int:
        """Where the data set begins in the file."""
        return len(self.file.meta)

    def noise(self, count: int) -> bytes:
        return self.rng.randbytes(count)

    def made(self, what: str, expected: frozenset[str], data: bytes | None, **more) -> Mutation:
        name, _, detail = what.partition(":")
        what = f"{name}: {detail}{',' if detail else ''} slice {self.slice}"
        return Mutation(base=self.base.name, what=what, expected=expected, files={self.slice: data}, **more)


Kind = Callable[[Draw], Mutation | None]
KINDS: list[tuple[int, Kind]] = []


def kind(weight: int) -> Callable[[Kind], Kind]:
    """Put a kind of damage into the table; it gives None where a base does not allow for it."""

    def add(make: Kind) -> Kind:
        KINDS.append((weight, make))
        return make

    return add


def mutate(base: Base, seed: int, kinds: Sequence[tuple[int, Kind]] = ()) -> Mutation:
    """The mutation that a seed stands for.

    Args:
        base: What is damaged.
        seed: Any number.
        kinds: More kinds than those of this file, or others where the base is no image.
    """
    rng = random.Random(seed)
    table = [*KINDS, *kinds] if base.image else kinds
    makers, weights = [make for _, make in table], [weight for weight, _ in table]
    while True:
        draw = Draw(base, rng.randrange(1 << 32))
        made = rng.choices(makers, weights)[0](draw)
        if made is not None:
            return made


# What nothing depends on


@kind(6)
def free_bytes(draw: Draw) -> Mutation | None:
    """Bytes of a value are flipped, in whatever encoding that results."""
    found = draw.one_of(FREE)
    if found is None or found.end == found.value_at:
        return None
    value = bytearray(draw.file.value(found.keyword))
    for _ in range(draw.rng.randint(1, 3)):
        value[draw.rng.randrange(len(value))] ^= draw.rng.randint(1, 255)
    return draw.made(f"free bytes: {found.keyword}", OK, draw.file.replaced(found.keyword, bytes(value)))


@kind(5)
def free_value(draw: Draw) -> Mutation | None:
    found = draw.one_of(FREE)
    assert found is not None
    value = draw.rng.choice(
        (*NO_NUMBERS, b"", b"A" * 1000, draw.noise(64), b"^=\\^", b"\x1b$B" + draw.noise(9))
    )
    value += b" " * (len(value) % 2)
    return draw.made(f"free value: {found.keyword}", OK, draw.file.replaced(found.keyword, value))


@kind(4)
def free_removed(draw: Draw) -> Mutation | None:
    found = draw.one_of(FREE)
    assert found is not None
    return draw.made(f"free removed: {found.keyword}", OK, draw.file.without(found.keyword))


@kind(2)
def preamble(draw: Draw) -> Mutation:
    return draw.made("preamble", OK, draw.noise(128) + draw.data[128:])


@kind(2)
def added(draw: Draw) -> Mutation:
    """Private, unknown, nested: none of it matters."""
    tag, vr, value = draw.rng.choice(
        [(0x00091001, "UN", draw.noise(40)), (0x00081199, "UT", b"x" * 2000), (0x00191001, "LO", b"NaN "),
         (0x00181007, "OB", draw.noise(5000)), (0x00083333, "OW", draw.noise(70000))]
    )  # fmt: skip
    return draw.made(f"added: {vr}", OK, draw.file.with_added(tag, draw.file.element(tag, value, vr)))


@kind(1)
def nothing(draw: Draw) -> Mutation:
    return draw.made("nothing", OK, draw.data)


@kind(1)
def twice(draw: Draw) -> Mutation | None:
    """A file lies there twice."""
    if not draw.base.several:
        return None
    return replace(draw.made("twice", OK, None), files={len(draw.base.files): draw.data})


# What the volume depends on


@kind(6)
def needed_removed(draw: Draw) -> Mutation | None:
    needed = [*WORDS, *DECIMALS, "PhotometricInterpretation", "SOPClassUID", draw.pixels.keyword]
    needed += (
        [*ONE_PER_SERIES] if draw.base.several else ["PerFrameFunctionalGroupsSequence", "NumberOfFrames"]
    )
    found = draw.one_of(needed)
    assert found is not None
    return draw.made(f"needed removed: {found.keyword}", REJECTED, draw.file.without(found.keyword))


@kind(5)
def needed_empty(draw: Draw) -> Mutation | None:
    needed = [*WORDS, *DECIMALS, "PhotometricInterpretation", "SOPClassUID", draw.pixels.keyword]
    needed += [*ONE_PER_SERIES] if draw.base.several else ["PerFrameFunctionalGroupsSequence"]
    found = draw.one_of(needed)
    assert found is not None
    return draw.made(f"needed empty: {found.keyword}", REJECTED, draw.file.replaced(found.keyword, b""))


@kind(9)
def no_number(draw: Draw) -> Mutation | None:
    """NaN, infinity, garbage or an absurd number in one of a needed attribute's values."""
    found = draw.one_of(DECIMALS)
    if found is None:
        return None
    parts = draw.file.value(found.keyword).strip().split(b"\\")
    bad = draw.rng.choice(NO_NUMBERS)
    parts[draw.rng.randrange(len(parts))] = bad
    value = b"\\".join(parts)
    value += b" " * (len(value) % 2)
    return draw.made(
        f"no number: {bad!r} in {found.keyword}", REJECTED, draw.file.replaced(found.keyword, value)
    )


@kind(3)
def wrong_count(draw: Draw) -> Mutation | None:
    found = draw.one_of(DECIMALS)
    if found is None:
        return None
    parts = draw.file.value(found.keyword).strip().split(b"\\")
    parts = parts[:-1] if draw.rng.random() < 0.5 else [*parts, b"1"]
    value = b"\\".join(parts)
    value += b" " * (len(value) % 2)
    return draw.made(f"wrong count: {found.keyword}", REJECTED, draw.file.replaced(found.keyword, value))


@kind(5)
def impossible(draw: Draw) -> Mutation | None:
    found = draw.one_of([keyword for keyword, values in IMPOSSIBLE.items() if values])
    if found is None:
        return None
    value = draw.rng.choice(IMPOSSIBLE[found.keyword])
    padded = value + b" " * (len(value) % 2)
    return draw.made(
        f"impossible: {value!r} in {found.keyword}", REJECTED, draw.file.replaced(found.keyword, padded)
    )


@kind(6)
def wrong_word(draw: Draw) -> Mutation | None:
    """A size or a depth that is not that of the pixels."""
    found = draw.one_of(WORDS)
    assert found is not None
    (right,) = struct.unpack(draw.file.order + "H", draw.file.value(found.keyword))
    wrong = draw.rng.choice(
        [0, 1, 2, 7, 8, 12, 15, 17, 32, 64, 255, 4096, 32768, 65535, right + 1, right * 2]
    )
    if wrong == right or not 0 <= wrong < 65536:
        return None
    # An unsigned slice among signed ones is possible; so are the same voxels of it.
    expected = EITHER if found.keyword == "PixelRepresentation" and wrong < 2 else REJECTED
    if expected == EITHER and not draw.base.several:
        return None
    if found.keyword == "BitsAllocated" and draw.file.syntax in ENCAPSULATED:
        expected = EITHER  # the stream says itself how wide its values are
    data = draw.file.replaced(found.keyword, struct.pack(draw.file.order + "H", wrong))
    return draw.made(f"wrong word: {wrong} in {found.keyword}", expected, data)


@kind(3)
def word_size(draw: Draw) -> Mutation | None:
    found = draw.one_of(WORDS)
    assert found is not None
    value = draw.rng.choice([b"\1", b"\1\0\0", b"\1\0\1\0", b"\0" * 8, b"NaN "])
    return draw.made(
        f"word size: {value!r} in {found.keyword}", REJECTED, draw.file.replaced(found.keyword, value)
    )


@kind(2)
def photometric(draw: Draw) -> Mutation:
    value = draw.rng.choice(
        [b"RGB ", b"PALETTE COLOR ", b"MONOCHROME3 ", b"\0\0", b"YBR_FULL", b"MONOCHROME1 "]
    )
    expected = OK if value == b"MONOCHROME1 " else REJECTED
    data = draw.file.replaced("PhotometricInterpretation", value)
    return draw.made(f"photometric: {value!r}", expected, data)


@kind(5)
def one_per_series(draw: Draw) -> Mutation | None:
    """A slice says that it belongs to another patient, study, series, modality or frame of reference."""
    found = draw.one_of(ONE_PER_SERIES)
    if found is None or not draw.base.several:
        return None
    value = bytearray(draw.file.value(found.keyword))
    place = draw.rng.randrange(len(value.rstrip(b"\0 ")))
    value[place] ^= draw.rng.randint(1, 255)
    if bytes(value).strip(b"\0 ") == draw.file.value(found.keyword).strip(b"\0 "):
        return None
    return draw.made(
        f"one per series: {found.keyword}", REJECTED, draw.file.replaced(found.keyword, bytes(value))
    )


@kind(5)
def digit(draw: Draw) -> Mutation | None:
    """A byte of one slice's geometry is another: within the tolerances nothing changes."""
    found = draw.one_of([keyword for keyword in DECIMALS if not keyword.startswith("Rescale")])
    if found is None or not draw.base.several:
        return None
    value = bytearray(draw.file.value(found.keyword))
    value[draw.rng.randrange(len(value))] = draw.rng.choice(b"0123456789.-+eE\\ \0_aN" + draw.noise(3))
    return draw.made(f"digit: {found.keyword}", EITHER, draw.file.replaced(found.keyword, bytes(value)))


@kind(3)
def other_vr(draw: Draw) -> Mutation | None:
    """A needed attribute says that it is of another kind."""
    found = draw.one_of([*WORDS, *DECIMALS])
    if not draw.file.explicit or found is None:
        return None
    vr = draw.rng.choice(["SS", "US", "UL", "SL", "FL", "FD", "SH", "OB", "UN", "SQ", "AT", "XX", "DS", "IS"])
    return draw.made(f"other VR: {vr} for {found.keyword}", EITHER, draw.file.replaced(found.keyword, vr=vr))


@kind(4)
def doubled(draw: Draw) -> Mutation | None:
    """A needed attribute stands there twice, with another value."""
    found = draw.one_of([*WORDS, *DECIMALS])
    assert found is not None
    value = draw.file.value(found.keyword)
    other = (b"\1\0" if found.vr == "US" else b"2" + value)[: max(2, len(value))]
    if other == value:
        return None
    parts = [draw.file.element(found.tag, value, found.vr), draw.file.element(found.tag, other, found.vr)]
    draw.rng.shuffle(parts)
    body = draw.file.body[: found.start] + b"".join(parts) + draw.file.body[found.end :]
    return draw.made(f"doubled: {found.keyword}", REJECTED, draw.file.build(body))


@kind(3)
def frames_said(draw: Draw) -> Mutation:
    """A number of frames that are not there."""
    value = draw.rng.choice([b"0 ", b"2 ", b"7 ", b"-1", b"65535 ", b"2147483647", b"NaN ", b"1e9 ", b"6.5 "])
    element = draw.file.element(0x00280008, value, "IS")
    data = (
        draw.file.replaced("NumberOfFrames", value)
        if "NumberOfFrames" in draw.file.elements
        else draw.file.with_added(0x00280008, element)
    )
    return draw.made(f"frames said: {value!r}", REJECTED, data)


@kind(2)
def lost(draw: Draw) -> Mutation | None:
    """A file inside the stack is gone."""
    if not 0 < draw.slice < len(draw.base.files) - 1:
        return None
    return draw.made("lost", REJECTED, None)


@kind(2)
def other_slice(draw: Draw) -> Mutation | None:
    """A slice lies where another one is."""
    if not draw.base.several:
        return None
    other = draw.base.parsed[(draw.slice + 1) % len(draw.base.files)]
    data = draw.file.replaced("ImagePositionPatient", other.value("ImagePositionPatient"))
    return draw.made("other slice", REJECTED, data)


# Lengths and structure


@kind(5)
def too_long(draw: Draw) -> Mutation | None:
    """An element says to be longer than the file."""
    found = draw.rng.choice(list(draw.file.elements.values())[:-1])
    if draw.file.explicit and draw.file.value(found.keyword) is not None:
        vr, length = (
            draw.rng.choice(["OB", "UN", "UT", "SQ"]),
            draw.rng.choice([0xFFFFFFFE, 0x7FFFFFFF, 1 << 26]),
        )
    else:
        vr, length = found.vr, draw.rng.choice([0xFFFFFFFE, 0x7FFFFFFF, 1 << 26])
    return draw.made(
        f"too long: {found.keyword}", REJECTED, draw.file.replaced(found.keyword, vr=vr, length=length)
    )


@kind(5)
def wrong_length(draw: Draw) -> Mutation:
    """An element's length is off, so that what follows is read from the wrong place."""
    found = draw.rng.choice(list(draw.file.elements.values())[:-1])
    length = max(0, found.end - found.value_at + draw.rng.choice([-4, -2, -1, 1, 2, 3, 4, 8, 20, 64, 300]))
    return draw.made(
        f"wrong length: {length} in {found.keyword}", EITHER, draw.file.replaced(found.keyword, length=length)
    )


@kind(2)
def undefined_length(draw: Draw) -> Mutation | None:
    found = draw.rng.choice(list(draw.file.elements.values())[:-1])
    vr = draw.rng.choice(["SQ", "UN", "OB"]) if draw.file.explicit else found.vr
    data = draw.file.replaced(found.keyword, vr=vr, length=UNDEFINED)
    return draw.made(f"undefined length: {found.keyword}", EITHER, data)


@kind(4)
def pixel_length(draw: Draw) -> Mutation | None:
    """The pixels say another length than they have."""
    if draw.file.syntax in ENCAPSULATED:
        return None
    found = draw.pixels
    right = found.end - found.value_at
    length = draw.rng.choice([0, 1, right - 2, right + 2, right * 2, 1 << 20, 0xFFFFFFFE, UNDEFINED])
    # Inflated pixels end with the stream, so that a length that is too large takes nothing else.
    deflated = draw.file.syntax == DeflatedExplicitVRLittleEndian
    expected = EITHER if deflated and length > right else REJECTED
    return draw.made(f"pixel length: {length}", expected, draw.file.replaced(found.keyword, length=length))


@kind(8)
def cut(draw: Draw) -> Mutation:
    """The file ends early."""
    at = draw.rng.randrange(len(draw.data))
    # What ends a sequence of fragments, or makes a stream's length even, holds nothing.
    tail = 10 if draw.file.syntax in (*ENCAPSULATED, DeflatedExplicitVRLittleEndian) else 0
    expected = REJECTED if at < len(draw.data) - tail else EITHER
    if not draw.base.image and at - draw.body_at in {found.start for found in draw.file.elements.values()}:
        expected = EITHER  # a whole element is gone, and what it was decides
    return draw.made(f"cut: after {at} of {len(draw.data)} bytes", expected, draw.data[:at])


@kind(5)
def inserted(draw: Draw) -> Mutation | None:
    """Bytes are put in somewhere."""
    at = draw.rng.randrange(132, len(draw.data))
    extra = draw.noise(draw.rng.choice([1, 2, 3, 4, 8, 16, 100]))
    return _somewhere(draw, "inserted", at, draw.data[:at] + extra + draw.data[at:])


@kind(5)
def deleted(draw: Draw) -> Mutation | None:
    """Bytes inside are gone."""
    at = draw.rng.randrange(132, len(draw.data) - 1)
    count = draw.rng.choice([1, 2, 3, 4, 8, 16, 100])
    return _somewhere(draw, "deleted", at, draw.data[:at] + draw.data[at + count :])


@kind(3)
def zeroed(draw: Draw) -> Mutation | None:
    """A block of the file is zeros, as after a write that failed."""
    at = draw.rng.randrange(132, len(draw.data) - 1)
    count = min(draw.rng.choice([8, 64, 512]), len(draw.data) - at)
    if at + count > _pixels_at(draw) and draw.file.syntax not in ENCAPSULATED:
        return None
    return _somewhere(draw, "zeroed", at, draw.data[:at] + bytes(count) + draw.data[at + count :])


@kind(8)
def flipped(draw: Draw) -> Mutation | None:
    """Any byte of a header, or of compressed pixels."""
    at = draw.rng.randrange(132, len(draw.data))
    if at >= _pixels_at(draw) + 8 and draw.file.syntax not in (*ENCAPSULATED, DeflatedExplicitVRLittleEndian):
        return None
    data = bytearray(draw.data)
    data[at] ^= draw.rng.randint(1, 255)
    return _somewhere(draw, "flipped", at, bytes(data))


def _pixels_at(draw: Draw) -> int:
    return (
        len(draw.data)
        if draw.file.syntax == DeflatedExplicitVRLittleEndian
        else draw.body_at + draw.pixels.start
    )


def _somewhere(draw: Draw, what: str, at: int, data: bytes) -> Mutation | None:
    """What happens at a place decides what can be expected."""
    deflated = draw.file.syntax == DeflatedExplicitVRLittleEndian
    if not draw.base.image:
        return draw.made(f"{what} in an object: {at}", EITHER, data, noticeable=False)
    where = next(
        (found for found in draw.file.elements.values() if found.start <= at - draw.body_at < found.end), None
    )
    if deflated and at >= draw.body_at:
        return draw.made(f"{what} in a deflated stream: {at}", EITHER, data, noticeable=False)
    if where is None:
        return draw.made(f"{what} in the file meta: {at}", EITHER, data)
    if where is draw.pixels and draw.file.syntax in ENCAPSULATED:
        return draw.made(f"{what} in compressed pixels: {at}", EITHER, data, noticeable=False)
    if where is draw.pixels:
        return draw.made(f"{what} in pixels: {at}", REJECTED if what != "flipped" else EITHER, data)
    in_value = at - draw.body_at >= where.value_at
    decides = where.keyword.startswith("Rescale") or not draw.base.several
    if in_value and decides and where.keyword not in FREE:
        return None  # another number may stand there now, and nobody could know
    if what == "flipped" and in_value and where.keyword in FREE:
        return draw.made(f"flipped in a free value: {at}", OK, data)
    return draw.made(f"{what} in a header: {at} {where.keyword}", EITHER, data)


@kind(2)
def nested(draw: Draw) -> Mutation:
    """Sequences in sequences, thousands deep."""
    depth, defined = draw.rng.choice([10, 200, 3000]), draw.rng.random() < 0.5
    content = b""
    tag = 0x00081140
    if defined:
        for _ in range(depth):
            item = struct.pack(draw.file.order + "HHL", 0xFFFE, 0xE000, len(content)) + content
            content = draw.file.head(tag, "SQ", len(item)) + item
    else:
        item = struct.pack(draw.file.order + "HHL", 0xFFFE, 0xE000, UNDEFINED)
        content = (draw.file.head(tag, "SQ", UNDEFINED) + item) * depth
        if draw.rng.random() < 0.5:
            ends = [struct.pack(draw.file.order + "HHL", 0xFFFE, end, 0) for end in (0xE00D, 0xE0DD)]
            content += b"".join(ends) * depth
    expected = OK if defined and depth == 10 else EITHER
    return draw.made(f"nested: {depth} deep", expected, draw.file.with_added(tag, content))


@kind(2)
def item_length(draw: Draw) -> Mutation:
    """An item that is longer than its sequence, or the file."""
    length = draw.rng.choice([2, 100, 1 << 16, 0x7FFFFFF0, UNDEFINED])
    item = struct.pack(draw.file.order + "HHL", 0xFFFE, 0xE000, length)
    made = draw.file.element(0x00081140, item, "SQ", draw.rng.choice([None, UNDEFINED, len(item) + 2]))
    return draw.made(f"item length: {length}", EITHER, draw.file.with_added(0x00081140, made))


@kind(3)
def transfer_syntax(draw: Draw) -> Mutation | None:
    value = draw.rng.choice(
        [b"", b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.5",
         b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.70", b"1.2.840.10008.1.2.4.80",
         b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.100", b"1.2.840.10008.1.2.9999", b"NaN", b"\xff\xfe"]
    )  # fmt: skip
    if value == draw.file.syntax.encode():
        return None
    expected = REJECTED if draw.base.image else EITHER  # what is not compressed can be told from the bytes
    return draw.made(f"transfer syntax: {value!r}", expected, draw.file.with_meta("TransferSyntaxUID", value))


@kind(2)
def whole_series(draw: Draw) -> Mutation | None:
    """All files say the same absurd size: nobody may try to make room for it."""
    keyword = draw.rng.choice(["Rows", "Columns", "both"])
    files = {}
    for index, file in enumerate(draw.base.parsed):
        for name in ("Rows", "Columns") if keyword == "both" else (keyword,):
            file = File.parse(file.replaced(name, b"\xff\xff"))
        files[index] = file.build()
    return replace(draw.made(f"whole series: {keyword}", REJECTED, None), files=files)


@kind(1)
def bomb(draw: Draw) -> Mutation | None:
    """A small file that inflates to a large one."""
    if draw.file.syntax != DeflatedExplicitVRLittleEndian:
        return None
    packer, mebibyte = zlib.compressobj(wbits=-zlib.MAX_WBITS), bytes(1 << 20)
    packed = [packer.compress(draw.file.head(0x00080001, "OB", 200 << 20))]
    packed += [packer.compress(mebibyte) for _ in range(200)]
    packed += [packer.compress(draw.file.body), packer.flush()]
    return draw.made("bomb", REJECTED, draw.file.meta + b"".join(packed))


# Pixels


@kind(2)
def not_finite(draw: Draw) -> Mutation | None:
    if draw.base.name != "float":
        return None
    bad = struct.pack("<f", draw.rng.choice([float("nan"), float("inf"), -float("inf")]))
    value = bytearray(draw.file.value("FloatPixelData"))
    at = 4 * draw.rng.randrange(len(value) // 4)
    value[at : at + 4] = bad
    return draw.made("not finite: pixels", REJECTED, draw.file.replaced("FloatPixelData", bytes(value)))


@kind(4)
def shortened(draw: Draw) -> Mutation | None:
    """A compressed frame ends early; the items around it are sound."""
    if draw.file.syntax not in ENCAPSULATED:
        return None
    body = draw.file.body
    at = draw.pixels.value_at + 8 + struct.unpack_from("<L", body, draw.pixels.value_at + 4)[0]
    (length,) = struct.unpack_from("<L", body, at + 4)
    kept = draw.rng.randrange(0, length - 20) // 2 * 2
    item = struct.pack("<HHL", 0xFFFE, 0xE000, kept) + body[at + 8 : at + 8 + kept]
    return draw.made(
        f"shortened: {kept} of {length}",
        REJECTED,
        draw.file.build(body[:at] + item + body[at + 8 + length :]),
    )


@kind(2)
def other_frame(draw: Draw) -> Mutation | None:
    """The compressed frame is of another size than the header says."""
    if draw.file.syntax not in ENCAPSULATED or not draw.base.several:
        return None
    series = make_series(replace(_SPEC, slices=2, rows=64, columns=draw.rng.choice([40, 48, 80])))
    dataset = series.datasets[0]
    set_pixels(dataset, series.stored[0], series.spec.pixels, transfer_syntax=draw.file.syntax)
    other = File.parse(as_bytes(dataset))
    pixels = other.elements["PixelData"]
    body = draw.file.body[: draw.pixels.start] + other.body[pixels.start :]
    return draw.made(f"other frame: {dataset.Rows} x {dataset.Columns}", REJECTED, draw.file.build(body))
