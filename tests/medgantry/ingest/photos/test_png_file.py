import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medgantry.ingest.photos.png_file import encode_png


def _chunks(data: bytes) -> list[bytes]:
    kinds, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kinds.append(data[position + 4 : position + 8])
        position += length + 12
    return kinds


def _photo(rows: int, columns: int) -> np.ndarray:
    ramp = np.add.outer(np.arange(rows) * 3, np.arange(columns) * 2)
    noise = np.random.default_rng(0).integers(0, 9, (rows, columns, 3))
    return ((ramp[..., None] + noise) % 256).astype(np.uint8)


@given(seed=st.integers(0, 99), rows=st.integers(1, 140), columns=st.integers(1, 9), smooth=st.booleans())
def test_every_pixel_comes_back(seed: int, rows: int, columns: int, smooth: bool) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3)).astype(np.uint8)
    if smooth:
        pixels = _photo(rows, columns)
    data = encode_png(pixels)
    Image.open(io.BytesIO(data)).verify()
    image = Image.open(io.BytesIO(data))
    assert (image.mode, image.size) == ("RGB", (columns, rows))
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_there_is_nothing_but_pixels_and_they_decide_the_bytes() -> None:
    pixels = _photo(200, 60)
    assert _chunks(encode_png(pixels)) == [b"IHDR", b"IDAT", b"IEND"]
    assert encode_png(pixels) == encode_png(np.asfortranarray(pixels)) == encode_png(pixels[:, ::-1][:, ::-1])


def test_photos_are_no_larger_than_pillows() -> None:
    rng = np.random.default_rng(0)
    pixels = (np.cumsum(rng.normal(0, 3, (120, 160, 3)), axis=1) + 128).clip(0, 255).astype(np.uint8)
    theirs = io.BytesIO()
    Image.fromarray(pixels).save(theirs, "PNG")
    assert len(encode_png(pixels)) == pytest.approx(len(theirs.getvalue()), rel=0.1)
