"""How the values are stored: bit depths, overlays, padding, colour, syntaxes, and damaged pixel data."""

from dataclasses import replace
from functools import partial

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from medgantry.phantoms.dicom.dirty.case import (
    Maker,
    Outcome,
    Rows,
    Truth,
    all_of,
    make_clean,
    middle,
    row,
    truth_of,
)
from medgantry.phantoms.dicom.pixels import TRANSFER_SYNTAXES, PixelFormat, set_pixels, set_words
from medgantry.phantoms.dicom.series import Series

ROWS: Rows = {}
_table = partial(row, ROWS)
_UNSIGNED_12 = PixelFormat(bits_stored=12, high_bit=11, signed=False)
_SIGNED_12 = PixelFormat(bits_stored=12, high_bit=11, signed=True)


def _in_syntax(syntax: UID) -> Maker:
    @_table(f"transfer syntax {syntax.keyword}", "ok")
    def make(seed: int) -> Outcome:
        """The same volume in one of the transfer syntaxes."""
        return all_of(make_clean(seed, transfer_syntax=syntax))

    return make


for _syntax in TRANSFER_SYNTAXES:
    _in_syntax(_syntax)


def _in_format(name: str, why: str, layout: PixelFormat, **changes: object) -> None:
    def make(seed: int) -> Outcome:
        return all_of(make_clean(seed, pixels=layout, **changes))

    make.__doc__ = why
    row(ROWS, name, "ok")(make)


_in_format(
    "8 bit", "Words of 8 bits.", PixelFormat(bits_allocated=8, bits_stored=8, high_bit=7, signed=False),
    rescale_slope=8.0,
)  # fmt: skip
_in_format(
    "8 bit, odd length", "99 bytes of pixels, and one that makes their number even.",
    PixelFormat(bits_allocated=8, bits_stored=8, high_bit=7, signed=False),
    rescale_slope=8.0, rows=9, columns=11,
)  # fmt: skip
_in_format(
    "10 bit", "10 of 16 bits are stored.", PixelFormat(bits_stored=10, high_bit=9, signed=False),
    rescale_slope=2.0,
)  # fmt: skip
_in_format("12 bit", "12 of 16 bits are stored, unsigned.", _UNSIGNED_12)
_in_format("13 bit signed", "13 of 16 bits are stored, signed.", PixelFormat(bits_stored=13, high_bit=12))
_in_format(
    "12 bit signed", "12 of 16 bits are stored, signed and extended to 16 bits.", _SIGNED_12,
    rescale_intercept=0.0,
)  # fmt: skip
_in_format(
    "32 bit", "Words of 32 bits.", PixelFormat(bits_allocated=32, bits_stored=32, high_bit=31),
    rescale_slope=0.001,
)  # fmt: skip


@_table("12 bit signed, not extended", "ok")
def _not_extended(seed: int) -> Outcome:
    """12 of 16 bits are stored, signed, with zeros above: a reader must extend the sign itself."""
    series = make_clean(seed, pixels=_SIGNED_12, rescale_intercept=0.0)
    for dataset, stored in zip(series.datasets, series.stored, strict=True):
        words = (stored & 0x0FFF).astype(np.uint16)
        set_words(dataset, words, transfer_syntax=ExplicitVRLittleEndian)
    return all_of(series)


@_table("overlay in the high bits", "ok")
def _overlay_bits(seed: int) -> Outcome:
    """Bit 13 of each word is an overlay: a reader must mask it away."""
    series = make_clean(seed, pixels=_UNSIGNED_12)
    drawn = np.random.Generator(np.random.Philox(seed)).random(series.stored.shape) < 0.3
    for dataset, stored, overlay in zip(series.datasets, series.stored, drawn, strict=True):
        words = (stored | overlay.astype(np.int64) << 12).astype(np.uint16)
        set_words(dataset, words, transfer_syntax=ExplicitVRLittleEndian)
        _describe_overlay(dataset)
    return all_of(series)


def _describe_overlay(dataset: Dataset) -> None:
    """Say that bit 12 of PixelData is an overlay, as was usual until 2004."""
    dataset.add_new(0x60000010, "US", dataset.Rows)
    dataset.add_new(0x60000011, "US", dataset.Columns)
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)


@_table("high bit 15", "ok")
def _high_bit(seed: int) -> Outcome:
    """12 bits are stored at the upper end of the word, which older standards allowed."""
    series = make_clean(seed, pixels=PixelFormat(bits_stored=12, high_bit=15, signed=False))
    return replace(all_of(series), also_acceptable=frozenset({"rejected"}))


@_table("signedness changes", "ok")
def _mixed_signedness(seed: int) -> Outcome:
    """The lower slices are unsigned and the upper ones signed, in steps of 0.5 HU: no slice's type fits all."""
    lower = make_clean(seed, pixels=_UNSIGNED_12)
    upper = make_clean(seed, rescale_intercept=0.0, rescale_slope=0.5)
    half = middle(lower)
    voxels = np.concatenate([lower.voxels[:half], upper.voxels[half:]])
    return Outcome(datasets=lower.datasets[:half] + upper.datasets[half:], truth=Truth(voxels, lower.affine))


@_table("several transfer syntaxes", "ok")
def _mixed_syntaxes(seed: int) -> Outcome:
    """Every slice is written in another transfer syntax."""
    series = make_clean(seed)
    for index, dataset in enumerate(series.datasets):
        syntax = TRANSFER_SYNTAXES[index % len(TRANSFER_SYNTAXES)]
        set_pixels(dataset, series.stored[index], series.spec.pixels, transfer_syntax=syntax)
    return all_of(series)


@_table("slope per slice", "ok")
def _slope_per_slice(seed: int) -> Outcome:
    """Every slice has a RescaleSlope of its own."""
    return all_of(make_clean(seed, rescale_slope=tuple((1.0 + 0.125 * np.arange(20)).tolist())))


@_table("MONOCHROME1", "ok")
def _monochrome1(seed: int) -> Outcome:
    """MONOCHROME1 says how to show the values, and changes none of them."""
    return all_of(make_clean(seed, photometric="MONOCHROME1"))


def _padded(seed: int) -> Outcome:
    series = make_clean(seed, padding_value=-2000)
    filled = series.voxels.copy()
    filled[series.padding] = filled[~series.padding].min()
    return replace(
        all_of(series), repair="padding", repaired=Truth(filled, series.affine), padding=series.padding
    )


@_table("padding", "ok")
def _padding(seed: int) -> Outcome:
    """Outside the field of view is PixelPaddingValue -2000, rescaled -3024; filled with the lowest value."""
    return _padded(seed)


@_table("padding range", "ok")
def _padding_range(seed: int) -> Outcome:
    """The padding is a range of stored values, from -2000 to -1900."""
    outcome = _padded(seed)
    for dataset in outcome.datasets:
        dataset.PixelPaddingRangeLimit = -1900
        dataset["PixelPaddingRangeLimit"].VR = "SS"
    return outcome


def _with_lut(dataset: Dataset) -> None:
    """Replace the rescaling by a Modality LUT of the same meaning: value = stored - 1024, as a table."""
    del dataset.RescaleSlope
    del dataset.RescaleIntercept
    item = Dataset()
    item.add_new(0x00283002, "US", [4096, 0, 16])
    item.add_new(0x00283004, "LO", "HU")
    # The table's words are unsigned, so it cannot say -1024; it says what a display shows, 0 ... 4095.
    item.add_new(0x00283006, "OW", np.arange(4096, dtype="<u2").tobytes())
    dataset.ModalityLUTSequence = [item]


@_table("modality LUT", "ok")
def _modality_lut(seed: int) -> Outcome:
    """A table instead of slope and intercept: its entries are the values."""
    series = make_clean(seed, pixels=_UNSIGNED_12)
    for dataset in series.datasets:
        _with_lut(dataset)
    truth = Truth(series.stored.astype(np.float32), series.affine)
    return Outcome(datasets=series.datasets, truth=truth, also_acceptable=frozenset({"rejected"}))


@_table("float pixel data", "ok")
def _float(seed: int) -> Outcome:
    """FloatPixelData instead of PixelData."""
    series = make_clean(seed)
    values = (series.stored + 0.25).astype("<f4")
    for dataset, image in zip(series.datasets, values, strict=True):
        del dataset.PixelData
        for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
            delattr(dataset, keyword)
        dataset.BitsAllocated = 32
        dataset.FloatPixelData = image.tobytes()
    truth = Truth((values - 1024.0).astype(np.float32), series.affine)
    return Outcome(datasets=series.datasets, truth=truth, also_acceptable=frozenset({"rejected"}))


def _coloured(seed: int, photometric: str) -> Outcome:
    series = make_clean(seed)
    for dataset, stored in zip(series.datasets, series.stored, strict=True):
        grey = np.clip((stored + 100) // 8, 0, 255).astype(np.uint8)
        dataset.SamplesPerPixel = 3
        dataset.PhotometricInterpretation = photometric
        dataset.PlanarConfiguration = 0
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelRepresentation = 0
        dataset.PixelData = np.repeat(grey[..., None], 3, axis=-1).tobytes()
        dataset["PixelData"].VR = "OB"
    return Outcome(datasets=series.datasets)


@_table("RGB", "rejected")
def _rgb(seed: int) -> Outcome:
    """Screen shots in colour hold no HU."""
    return _coloured(seed, "RGB")


@_table("YBR_FULL", "rejected")
def _ybr(seed: int) -> Outcome:
    """Screen shots in colour hold no HU."""
    return _coloured(seed, "YBR_FULL")


@_table("palette colour", "rejected")
def _palette(seed: int) -> Outcome:
    """The stored values are numbers of colours."""
    series = make_clean(seed, pixels=_UNSIGNED_12)
    for dataset in series.datasets:
        dataset.PhotometricInterpretation = "PALETTE COLOR"
        for number, colour in enumerate(("Red", "Green", "Blue")):
            dataset.add_new(0x00281101 + number, "US", [4096, 0, 16])
            setattr(dataset, f"{colour}PaletteColorLookupTableData", np.arange(4096, dtype="<u2").tobytes())
    return Outcome(datasets=series.datasets)


def _damaged(seed: int, **changes: object) -> tuple[Series, Dataset]:
    """Return a series and its slice that is to be damaged."""
    series = make_clean(seed, **changes)
    return series, series.datasets[middle(series)]


@_table("pixel data missing", "rejected")
def _no_pixels(seed: int) -> Outcome:
    """One slice is a header only."""
    series, damaged = _damaged(seed)
    del damaged.PixelData
    return Outcome(datasets=series.datasets)


@_table("pixel data empty", "rejected")
def _empty_pixels(seed: int) -> Outcome:
    """PixelData of one slice has no bytes."""
    series, damaged = _damaged(seed)
    damaged.PixelData = b""
    return Outcome(datasets=series.datasets)


@_table("pixel data truncated", "rejected")
def _truncated(seed: int) -> Outcome:
    """PixelData of one slice ends after two thirds of its bytes."""
    series, damaged = _damaged(seed)
    damaged.PixelData = damaged.PixelData[: len(damaged.PixelData) * 2 // 3 // 2 * 2]
    return Outcome(datasets=series.datasets)


@_table("pixel data too long", "rejected")
def _too_long(seed: int) -> Outcome:
    """PixelData of one slice is a row too long: Rows or the data are wrong, and nobody knows which."""
    series, damaged = _damaged(seed)
    damaged.PixelData = damaged.PixelData + b"\x01\x00" * series.spec.columns
    return Outcome(
        datasets=series.datasets, truth=truth_of(series), also_acceptable=frozenset({"ok", "repaired"})
    )


@_table("JPEG 2000 truncated", "rejected")
def _truncated_jpeg(seed: int) -> Outcome:
    """The codestream of one slice ends after half of its bytes: decoders may return a blurred image."""
    series, damaged = _damaged(seed, transfer_syntax=JPEG2000Lossless)
    _shorten(damaged)
    return Outcome(datasets=series.datasets)


@_table("RLE truncated", "rejected")
def _truncated_rle(seed: int) -> Outcome:
    """The RLE segments of one slice end after half of their bytes."""
    series, damaged = _damaged(seed, transfer_syntax=RLELossless)
    _shorten(damaged)
    return Outcome(datasets=series.datasets)


def _shorten(dataset: Dataset) -> None:
    """Cut the only frame of encapsulated pixel data in half; the items around it stay sound."""
    _, frame = generate_fragments(dataset.PixelData)
    dataset.PixelData = encapsulate([frame[: len(frame) // 2]])
