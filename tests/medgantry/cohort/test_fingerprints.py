import numpy as np
import pytest

from medgantry.cohort.fingerprints import (
    THUMBNAIL_SIDE,
    Thumbnails,
    is_exact,
    thumbnail_fingerprint,
    voxel_fingerprint,
)
from medgantry.errors import InvalidCohort

ALL = slice(None)


def _pixels(seed: int = 0, contrast: float = 40) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return np.clip(128 + contrast * noise, 0, 255).astype(np.uint8)


def _are_copies(first: np.ndarray, second: np.ndarray) -> bool:
    pair = Thumbnails.parse([thumbnail_fingerprint(pixels) for pixels in (first, second)])
    return bool(pair.are_copies(pair.correlations(ALL, ALL), ALL, ALL)[0, 1])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_however_a_copy_is_turned_it_is_one(quarters: int, mirrored: bool) -> None:
    pixels = _pixels()
    turned = np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters)
    assert _are_copies(pixels, turned)
    assert not _are_copies(pixels, np.rot90(_pixels(1), quarters))


def test_brightness_is_no_difference_but_the_negative_is() -> None:
    pixels = _pixels(contrast=20)
    assert _are_copies(pixels, pixels + 10)
    assert not _are_copies(pixels, 255 - pixels)


def test_vivid_pictures_must_correlate_better_than_dull_ones() -> None:
    rng = np.random.default_rng(2)
    for contrast, same in ((10, True), (60, False)):
        pixels = _pixels(contrast=contrast)
        other = np.clip(pixels + 0.12 * contrast * rng.normal(size=pixels.shape), 0, 255).astype(np.uint8)
        pair = Thumbnails.parse([thumbnail_fingerprint(pixels), thumbnail_fingerprint(other)])
        assert pair.correlations(ALL, ALL)[0, 1] == pytest.approx(0.99, abs=0.005)
        assert _are_copies(pixels, other) is same


def test_what_is_all_one_grey_is_like_nothing() -> None:
    grey = np.full((THUMBNAIL_SIDE, THUMBNAIL_SIDE), 7, dtype=np.uint8)
    assert not _are_copies(grey, grey)
    pair = Thumbnails.parse(["", voxel_fingerprint(np.ones((2, 2, 2)))])
    assert not pair.are_copies(pair.correlations(ALL, ALL), ALL, ALL).any()


def test_equal_voxels_have_one_fingerprint_however_they_are_stored() -> None:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    wanted = voxel_fingerprint(voxels)
    assert is_exact(wanted)
    for stored in (voxels.astype(np.float64), np.asfortranarray(voxels), voxels.astype(">i4")):
        assert voxel_fingerprint(stored) == wanted
    for other in (voxels + 1, voxels.reshape(3, 2, 4), voxels[..., None], voxels[::-1]):
        assert voxel_fingerprint(other) != wanted


@pytest.mark.parametrize("text", ["phash:00ff", "thumbnail:", "thumbnail:AAAA", "thumbnail:!", "x"])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(InvalidCohort, match=r"A fingerprint is .*Ingest"):
        Thumbnails.parse([text])
