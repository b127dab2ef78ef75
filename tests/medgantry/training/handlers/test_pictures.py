"""Pictures by which one sees a network learn."""

import numpy as np
import pytest
from PIL import Image

from medgantry.training.handlers.pictures import draw_classes, draw_masks
from medgantry.training.handlers.scroll import draw_scroll

YELLOW, BLUE = (255, 212, 0), (0, 200, 255)


def volume(shape=(20, 16, 9)):
    """Most of the first region is in slice 5, at small i and large j."""
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    reference = np.zeros((2, *shape), bool)
    reference[0, 2:8, 10:15, 5] = True
    reference[1, 3:5, 11:13, 4] = True
    return image, reference


def colours_at(picture, colour):
    """Columns and rows of a colour's pixels."""
    rows, columns = np.nonzero((np.array(picture.convert("RGB")) == colour).all(axis=2))
    return columns, rows


def test_outlines_are_where_the_masks_are(tmp_path):
    image, reference = volume()
    prediction = np.zeros_like(reference)
    prediction[0, 12:18, 1:5, 5] = True
    draw_masks(tmp_path / "a.png", image, reference, prediction)
    with Image.open(tmp_path / "a.png") as picture:
        columns, rows = colours_at(picture, YELLOW)
        width = (picture.width - 4) / 2
        pixels = width / 20
        left, right = columns < width, columns > width
        # i goes to the right and j upwards; 20 x 16 voxels.
        assert np.ptp(columns[left]) == pytest.approx(6 * pixels, abs=3)
        assert columns[left].min() == pytest.approx(2 * pixels, abs=2)
        assert rows[left].min() == pytest.approx(1 * pixels, abs=2)
        assert columns[right].min() == pytest.approx(width + 4 + 12 * pixels, abs=3)
        assert rows[right].max() == pytest.approx(15 * pixels, abs=2)
        assert not len(colours_at(picture, BLUE)[0])  # that region is in another slice


def test_the_slice_is_the_same_whatever_is_predicted(tmp_path):
    image, reference = volume()
    for name, prediction in (("a", np.zeros_like(reference)), ("b", np.ones_like(reference))):
        draw_masks(tmp_path / f"{name}.png", image, reference, prediction)
    with Image.open(tmp_path / "a.png") as first, Image.open(tmp_path / "b.png") as second:
        half = first.width // 2 - 2
        assert np.array_equal(np.array(first)[:, :half], np.array(second)[:, :half])
        assert not np.array_equal(np.array(first), np.array(second))


def test_a_plane_and_an_empty_reference_have_a_picture(tmp_path):
    image, reference = volume()
    nothing = np.zeros_like(reference)
    draw_masks(tmp_path / "plane.png", image[..., 5], reference[..., 5], nothing[..., 5])
    draw_masks(tmp_path / "empty.png", image, nothing, nothing)
    with Image.open(tmp_path / "plane.png") as picture:
        assert len(colours_at(picture, YELLOW)[0])
    with Image.open(tmp_path / "empty.png") as picture:
        assert not len(colours_at(picture, YELLOW)[0])


def test_a_photo_stands_upright_beside_its_probabilities(tmp_path):
    photo = np.zeros((3, 40, 30), np.float32)  # x, y
    photo[0, :, :10] = 1.0  # the upper third is red
    draw_classes(tmp_path / "a.png", photo, "mel $x$", np.array([0.9, 0.1]), ["nv", "mel $x$"])
    with Image.open(tmp_path / "a.png") as picture:
        columns, rows = colours_at(picture, (255, 0, 0))
        black = colours_at(picture, (0, 0, 0))[1]
        assert np.ptp(columns) > np.ptp(rows)
        assert rows.max() < np.median(black)


def test_a_scroll_has_every_slice_of_a_short_volume(tmp_path):
    image, reference = volume()
    draw_scroll(tmp_path / "a.gif", image, reference, np.zeros_like(reference))
    with Image.open(tmp_path / "a.gif") as scroll:
        assert scroll.n_frames == 9
        assert scroll.info["loop"] == 0
        outlined = []
        for index in range(9):
            scroll.seek(index)
            outlined.append([bool(len(colours_at(scroll, colour)[0])) for colour in (YELLOW, BLUE)])
        assert [index for index, (yellow, _) in enumerate(outlined) if yellow] == [5]
        assert [index for index, (_, blue) in enumerate(outlined) if blue] == [4]


@pytest.mark.parametrize("shape", [(96, 96, 96), (256, 200, 130), (24, 24, 5), (8, 200, 70)])
def test_a_scroll_is_small_even_of_pure_noise(tmp_path, shape):
    rng = np.random.default_rng(1)
    image, masks = rng.normal(size=(1, *shape)), rng.random((3, *shape)) > 0.5
    draw_scroll(tmp_path / "a.gif", image, masks, masks)
    assert (tmp_path / "a.gif").stat().st_size < 2_000_000
    with Image.open(tmp_path / "a.gif") as scroll:
        assert min(shape[2], 33) <= scroll.n_frames <= 64
