import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from medgantry.ingest.photos.image import read_photo
from medgantry.ledger import Unusable
from medgantry.phantoms.skin_lesions import PLANTED, write_photos

COLOURS = np.array([[200, 30, 40], [20, 180, 60], [30, 50, 220], [240, 240, 10]], np.uint8)
PIXELS = np.kron(COLOURS.reshape(2, 2, 3), np.ones((12, 16, 1), np.uint8))
"""Four blocks of colour, 24 rows and 32 columns."""
IMAGE = Image.fromarray(PIXELS)


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _read(name: str, data: bytes) -> tuple[np.ndarray, str]:
    pixels, notes = read_photo(name, data)
    return pixels, "; ".join([*notes.repaired, *notes.done])


def _rule(name: str, data: bytes) -> str:
    with pytest.raises(Unusable) as caught:
        read_photo(name, data)
    assert name in caught.value.evidence
    assert caught.value.remedy
    return caught.value.rule


FILES: dict[str, Callable[[], bytes]] = {
    "a.png": lambda: _file(IMAGE, "PNG"),
    "a.bmp": lambda: _file(IMAGE, "BMP"),
    "a.tif": lambda: _file(IMAGE, "TIFF"),
    "lzw.tiff": lambda: _file(IMAGE, "TIFF", compression="tiff_lzw"),
    "deflate.TIF": lambda: _file(IMAGE, "TIFF", compression="tiff_adobe_deflate"),
    "a.jpg": lambda: _file(IMAGE, "JPEG", quality=100, subsampling=0),
    "progressive.JPEG": lambda: _file(IMAGE, "JPEG", quality=100, subsampling=0, progressive=True),
}
LOSSLESS = [name for name in FILES if not name.lower().endswith(("jpg", "jpeg"))]


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_its_pixels(name: str) -> None:
    pixels, evidence = _read(name, FILES[name]())
    np.testing.assert_allclose(pixels.astype(int), PIXELS, atol=0 if name in LOSSLESS else 4)
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(FILES[name]())).convert("RGB")))
    assert evidence == ""


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_rejected_wherever_it_ends(name: str) -> None:
    data = FILES[name]()
    for length in {*range(1, len(data), max(1, len(data) // 50)), *range(len(data) - 12, len(data))}:
        assert _rule(name, data[:length])


def test_a_run_length_bmp_that_ends_early_is_rejected() -> None:
    row = bytes([8, 1, 4, 2, 0, 0])  # 8 of colour 1, 4 of colour 2, end of the line
    body = row * 5 + bytes([0, 1])
    palette = b"".join(bytes([10 * n, 20 * n, 30 * n, 0]) for n in range(4))
    header = struct.pack("<IiiHHIIiiII", 40, 12, 5, 1, 8, 1, len(body), 0, 0, 4, 0)
    start = 14 + len(header) + len(palette)
    data = struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + header + palette + body
    pixels, _ = _read("a.bmp", data)
    assert (pixels.shape, pixels[0, 0].tolist()) == ((5, 12, 3), [30, 20, 10])
    assert _rule("a.bmp", data[:-10])


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied(name: str, orientation: int) -> None:
    turned = [
        PIXELS, PIXELS[:, ::-1], PIXELS[::-1, ::-1], PIXELS[::-1],
        PIXELS.transpose(1, 0, 2), np.rot90(PIXELS),
        np.rot90(PIXELS, 2).transpose(1, 0, 2), np.rot90(PIXELS, -1),
    ][orientation - 1]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    kind = {"a.jpg": "JPEG", "a.png": "PNG", "a.tif": "TIFF"}[name]
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    data = _file(Image.fromarray(np.ascontiguousarray(turned)), kind, exif=exif, **options)
    pixels, _ = _read(name, data)
    np.testing.assert_allclose(pixels.astype(int), PIXELS, atol=4)


def test_damaged_exif_costs_no_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = _file(
        IMAGE, "JPEG", quality=100, subsampling=0, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    )
    pixels, _ = _read("a.jpg", data)
    np.testing.assert_allclose(pixels.astype(int), PIXELS, atol=4)


def test_metadata_is_named_and_never_repeated(tmp_path: Path) -> None:
    write_photos(tmp_path, images=1, size=(20, 24))
    (path,) = tmp_path.rglob("*.jpg")
    _, evidence = _read("a.jpg", path.read_bytes())
    assert evidence == "removed: EXIF, XMP, comment"
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", PLANTED[0])
    info.add_itxt("XML:com.adobe.xmp", PLANTED[4])
    _, evidence = _read("a.png", _file(IMAGE, "PNG", pnginfo=info))
    assert evidence == "removed: XMP, text"
    _, evidence = _read("a.tif", _file(IMAGE, "TIFF", artist=PLANTED[0], description=PLANTED[2]))
    assert evidence == "removed: TIFF tags"


GREY = np.arange(24 * 32, dtype=np.uint8).reshape(24, 32)
DEEP = Image.fromarray(GREY.astype(np.uint16) * 256 + 7)
TWO = {"save_all": True, "append_images": [IMAGE.rotate(180)]}
KINDS = "pixels are grey, RGB, CMYK or of a palette, with 8 or 16 bits"


@pytest.mark.parametrize(
    ("name", "image", "wanted", "evidence"),
    [
        ("a.png", Image.fromarray(GREY), GREY[..., None].repeat(3, 2), ""),
        ("a.jpg", Image.fromarray(GREY), None, ""),
        ("a.png", Image.fromarray(GREY > 99), np.where(GREY > 99, 255, 0)[..., None].repeat(3, 2), ""),
        ("a.png", DEEP, GREY[..., None].repeat(3, 2), "16 bits to 8"),
        ("a.tif", DEEP, GREY[..., None].repeat(3, 2), "16 bits to 8"),
        ("a.png", IMAGE.quantize(4), PIXELS, ""),
        ("a.bmp", IMAGE.quantize(4), PIXELS, ""),
        ("a.tif", IMAGE.convert("CMYK"), PIXELS, "CMYK without a profile to RGB"),
        ("a.jpg", IMAGE.convert("CMYK"), None, "CMYK without a profile to RGB"),
        ("a.tif", IMAGE.convert("YCbCr"), None, ""),
        ("a.png", IMAGE.convert("RGBA"), PIXELS, ""),
    ],
)  # fmt: skip
def test_every_kind_of_colour_becomes_rgb(
    name: str, image: Image.Image, wanted: np.ndarray | None, evidence: str
) -> None:
    kind = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP", "tif": "TIFF"}[name[2:]]
    data = _file(image, kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
    pixels, found = _read(name, data)
    assert (pixels.dtype, pixels.shape, found) == (np.uint8, (24, 32, 3), evidence)
    expected = np.asarray(image.convert("RGB")) if wanted is None else wanted
    np.testing.assert_allclose(pixels.astype(int), expected, atol=4 if wanted is None else 1)


def test_a_16_bit_colour_png_is_told_apart() -> None:
    rows = b"".join(b"\0" + (row.astype(">u2") * 256 + 99).astype(">u2").tobytes() for row in PIXELS)
    stream = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    stream.seek(0, io.SEEK_END)
    PngImagePlugin.putchunk(stream, b"IHDR", struct.pack(">IIBBBBB", 32, 24, 16, 2, 0, 0, 0))
    PngImagePlugin.putchunk(stream, b"IDAT", zlib.compress(rows))
    PngImagePlugin.putchunk(stream, b"IEND", b"")
    pixels, evidence = _read("a.png", stream.getvalue())
    np.testing.assert_array_equal(pixels, PIXELS)
    assert evidence == "16 bits to 8"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_black(mode: str) -> None:
    rgba = IMAGE.convert("RGBA")
    rgba.putalpha(Image.fromarray(np.where(np.arange(32) < 16, 0, 255).astype(np.uint8)[None].repeat(24, 0)))
    image = rgba.quantize(8) if mode == "P" else rgba.convert(mode)
    pixels, evidence = _read("a.png", _file(image, "PNG"))
    assert not pixels[:, :16].any()
    np.testing.assert_array_equal(
        pixels[:, 16:], np.asarray(rgba.convert(mode[0] if mode == "LA" else "RGBA").convert("RGB"))[:, 16:]
    )
    assert evidence == "transparent to black"


def _swapped_profile() -> bytes:
    """sRGB with red and green changed over: a conversion that can be seen."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"tmp ", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmp ", b"gXYZ", 1)


def test_an_embedded_profile_is_followed() -> None:
    pixels, evidence = _read("a.png", _file(IMAGE, "PNG", icc_profile=_swapped_profile()))
    np.testing.assert_allclose(pixels.astype(int), PIXELS[..., [1, 0, 2]], atol=2)
    assert evidence == "colours by the embedded profile to sRGB; removed: ICC"


def test_srgb_under_its_own_name_changes_no_pixel() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels, evidence = _read("a.png", _file(IMAGE, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(pixels, PIXELS)
    assert evidence == "removed: ICC"


def test_a_profile_is_followed_below_transparency_and_after_turning() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    image = Image.fromarray(PIXELS[::-1, ::-1].copy()).convert("RGBA")
    image.putpixel((31, 23), (200, 30, 40, 0))
    pixels, _ = _read("a.png", _file(image, "PNG", icc_profile=_swapped_profile(), exif=exif))
    assert pixels[0, 0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(pixels[1:].astype(int), PIXELS[1:, :, [1, 0, 2]], atol=2)


@pytest.mark.parametrize(
    "profile", [b"no profile at all", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()]
)
def test_a_profile_that_does_not_fit_is_left_out_and_said_so(profile: bytes) -> None:
    pixels, notes = read_photo("a.png", _file(IMAGE, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(pixels, PIXELS)
    assert len(notes.repaired) == 1
    assert "sRGB" in notes.repaired[0]


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("a.jpg", _file(IMAGE, "PNG"), "the content is what the suffix says"),
        ("a.png", _file(IMAGE, "GIF"), "the content is what the suffix says"),
        ("a.png", b"<html>not found</html>", "the content is what the suffix says"),
        ("a.tif", _file(IMAGE, "TIFF", **TWO), "a file holds one picture"),
        ("a.png", _file(IMAGE, "PNG", **TWO), "a file holds one picture"),
        ("a.png", _file(Image.new("RGB", (9, 9), (7, 7, 7)), "PNG"), "a photo shows something"),
        ("a.tif", _file(Image.fromarray(GREY.astype(np.float32)), "TIFF"), KINDS),
        ("a.tif", _file(Image.fromarray(GREY.astype(np.int32)), "TIFF"), KINDS),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_rejected_by_its_rule(name: str, data: bytes, rule: str) -> None:
    with pytest.raises(Unusable) as caught:
        read_photo(name, data)
    assert caught.value.rule == rule


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_small_file_that_promises_many_pixels_takes_no_memory(side: int) -> None:
    data = bytearray(_file(IMAGE, "PNG"))
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    assert _rule("a.png", bytes(data)) == "an image fits into memory"


def test_of_several_pictures_of_a_telephone_the_first_is_taken() -> None:
    data = _file(IMAGE, "MPO", save_all=True, append_images=[IMAGE.rotate(180)], quality=100, subsampling=0)
    pixels, evidence = _read("a.jpg", data)
    np.testing.assert_allclose(pixels.astype(int), PIXELS, atol=8)
    assert "first of 2 pictures" in evidence


@settings(deadline=None)
@given(
    name=st.sampled_from(sorted(FILES)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1) | st.just(1.0),
)
def test_whatever_the_bytes_are_there_is_a_verdict(
    name: str, changes: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(FILES[name]())
    for place, value in changes:
        data[int(place * len(data))] = value
    verdict = None
    try:
        pixels, _ = read_photo(name, bytes(data[: int(kept * len(data))]))
    except Unusable as found:
        verdict = found
    if verdict:
        assert verdict.rule
        assert verdict.evidence
        assert verdict.remedy
    else:
        assert (pixels.dtype, pixels.ndim, pixels.shape[2]) == (np.uint8, 3, 3)
