"""A photo's fingerprint, from its decoded pixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medgantry.cohort.fingerprints import THUMBNAIL_SIDE, thumbnail_fingerprint


def fingerprint_photo(pixels: NDArray[np.uint8]) -> str:
    """Fingerprint of a photo (rows, columns, RGB).

    The filter is a triangle: Pillow's box gives a pixel on the border of two wholly to one of them, and so a
    mirrored photo another thumbnail.
    """
    grey = Image.fromarray(pixels).convert("L")
    small = grey.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)
    return thumbnail_fingerprint(np.asarray(small))
