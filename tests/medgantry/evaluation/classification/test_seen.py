"""A photo on its way through the bundle's own reading and back to a picture."""

import json

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from medgantry.bundles import open_bundle
from medgantry.bundles.parser import part
from medgantry.evaluation.classification.seen import as_picture, as_seen
from medgantry.ingest.photos.png_file import encode_png

GREY = 120


def prepared(folder, pixels, size=None):
    """What our bundle's preprocessing makes of a photo."""
    size = size or [max(pixels.shape[:2])] * 2
    bundle = open_bundle(
        "medgantry:skin_lesion_classification", json.dumps({"image_size": size}), folder / "bundle"
    )
    path = folder / "photo.png"
    path.write_bytes(encode_png(pixels))
    return part(ConfigParser(dict(bundle.inference_config)), "preprocessing")({"image": path})["image"]


def is_red(picture):
    """Where red stands out."""
    values = picture.astype(int)
    return values[..., 0] - values[..., 1:].max(axis=2) > 60


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_a_red_corner_stays_in_its_corner(tmp_path, corner):
    pixels = np.full((12, 12, 3), GREY, np.uint8)
    pixels[corner] = [255, 0, 0]
    tensor = prepared(tmp_path, pixels)
    picture = as_seen(tensor)
    assert (picture.shape, picture.dtype) == ((12, 12, 3), np.uint8)
    where = np.argwhere(is_red(picture)).tolist()
    assert where == [[index % 12 for index in corner]]
    # A heat map of the network's input lies over the same place.
    heat = as_picture((torch.as_tensor(tensor)[0] - torch.as_tensor(tensor)[1]).numpy().astype(np.float32))
    assert np.unravel_index(heat.argmax(), heat.shape) == tuple(where[0])


def test_a_wide_photo_stays_wide_and_is_padded_evenly(tmp_path):
    pixels = np.full((10, 20, 3), GREY, np.uint8)
    pixels[0, -1] = [255, 0, 0]
    tensor = prepared(tmp_path, pixels)
    picture = as_seen(tensor)
    assert picture.shape == (20, 20, 3)
    # Five rows above repeat the first one; the red pixel is at the right end of all six.
    assert np.argwhere(is_red(picture)).tolist() == [[row, 19] for row in range(6)]


def test_colours_are_red_green_and_blue_in_this_order(tmp_path):
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :2, 0] = pixels[:, 2:4, 1] = pixels[:, 4:, 2] = 255
    picture = as_seen(prepared(tmp_path, pixels))
    assert picture[2].argmax(axis=1).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("shape", [(1, 5, 3), (3, 5, 3)])
def test_the_range_is_stretched_and_grey_becomes_three(shape):
    values = torch.linspace(-2, 3, int(np.prod(shape))).reshape(shape)
    picture = as_seen(values)
    assert picture.shape == (3, 5, 3)
    assert (picture.min(), picture.max()) == (0, 255)
    if shape[0] == 1:
        assert (picture[..., 0] == picture[..., 2]).all()


def test_an_even_photo_is_black_and_not_nan():
    with np.errstate(all="raise"):
        assert (as_seen(torch.full((3, 4, 4), 1.7)) == 0).all()
