"""Which slice a picture shows, and that every region and name can be drawn."""

import numpy as np
import pytest
from PIL import Image

from medgantry.evaluation.segmentation.overlay import draw_overlay

SHAPE = (20, 30, 10)
BRIGHT = 3


def box(index=None):
    mask = np.zeros(SHAPE, dtype=bool)
    if index is not None:
        mask[5:15, 5:15, index] = True
    return mask


def draw(folder, reference, prediction, names=("a",), affine=None):
    """Colours of the picture, of a volume that is grey on one slice and black elsewhere."""
    volume = np.zeros(SHAPE)
    volume[..., BRIGHT] = np.linspace(1, 2, SHAPE[0])[:, None]
    path = folder / "picture.png"
    masks = [dict.fromkeys(names, mask) for mask in (reference, prediction)]
    draw_overlay(path, volume, *masks, "case", affine=np.eye(4) if affine is None else affine)
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def coloured(picture):
    """Points that are drawn, which alone have a colour."""
    return np.ptp(picture, axis=-1) > 100


def is_grey(picture):
    """Whether the volume's bright slice is on show: shades of one tone, on a quarter of the picture or more."""
    middle = (picture.max(axis=-1) > 20) & (picture.max(axis=-1) < 235) & (np.ptp(picture, axis=-1) < 5)
    return middle.mean() > 0.25


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [(BRIGHT, 7), (BRIGHT, None), (None, BRIGHT)],
    ids=["both", "missed", "made up"],
)
def test_the_slice_is_the_reference_s_or_else_the_prediction_s(tmp_path, reference, prediction):
    assert is_grey(draw(tmp_path, box(reference), box(prediction)))


def test_what_was_made_up_is_drawn(tmp_path):
    alone = coloured(draw(tmp_path, box(), box(BRIGHT)))
    nothing = coloured(draw(tmp_path, box(), box()))
    assert alone.sum() > nothing.sum() + 100


def test_more_regions_than_colours_are_all_named(tmp_path):
    names = ["a", "b", "c", "d", "e", "$x^$"]
    more = coloured(draw(tmp_path, box(BRIGHT), box(BRIGHT), names)).sum()
    assert more > coloured(draw(tmp_path, box(BRIGHT), box(BRIGHT), names[:4])).sum()


def test_a_voxel_is_drawn_as_long_as_it_is(tmp_path):
    def height_by_width(affine):
        rows, columns = np.nonzero(coloured(draw(tmp_path, box(BRIGHT), box(), affine=affine))[:330])
        return np.ptp(rows) / np.ptp(columns)

    assert height_by_width(np.diag([1, 3, 1, 1])) == pytest.approx(3 * height_by_width(np.eye(4)), rel=0.1)
