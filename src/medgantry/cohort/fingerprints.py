"""Fingerprints of images, by which a copy is known again though its file is another.

A volume's is a hash of its voxels: however they are packed, equal voxels give equal text. A photo's is a
thumbnail: a copy that was compressed anew, resized, mirrored or turned by 90 degrees has nearly the same.
Numbers behind the limits: docs/decisions/0013-copies-by-thumbnail.md.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidCohort

THUMBNAIL_SIDE = 24
"""Rows and columns of a thumbnail; a photo of any shape is squeezed to a square."""
LEAST_CORRELATION = 0.95
"""Of two thumbnails that may show the same: pictures with next to no contrast differ by little and say little."""
MOST_DIFFERENCE = 2.0
"""Grey levels (of 256, root mean square) by which thumbnails of copies may differ once their means agree."""

_THUMBNAIL = "thumbnail:"
_VOXELS = "voxels:"

Correlations = NDArray[np.float32]


def thumbnail_fingerprint(thumbnail: NDArray[np.uint8]) -> str:
    """A photo's fingerprint.

    Args:
        thumbnail: Luminance, `THUMBNAIL_SIDE` rows and columns; every pixel a weighted mean of its surroundings,
            with weights that a mirror does not change.
    """
    assert thumbnail.shape == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return _THUMBNAIL + base64.b64encode(thumbnail.tobytes()).decode()


def voxel_fingerprint(voxels: NDArray[np.generic]) -> str:
    """A volume's fingerprint: of its shape and its values as 32-bit floats, whatever type stores them."""
    digest = hashlib.sha256(repr(tuple(int(size) for size in voxels.shape)).encode())
    with np.errstate(over="ignore"):
        for index in range(voxels.shape[-1]):  # slice by slice: a copy of the whole may not fit
            digest.update(voxels[..., index].astype("<f4").tobytes(order="F"))
    return _VOXELS + digest.hexdigest()


def is_exact(fingerprint: str) -> bool:
    """Whether equal fingerprints mean equal images."""
    return fingerprint.startswith(_VOXELS)


@dataclass(frozen=True, kw_only=True)
class Thumbnails:
    """Thumbnails in a row, ready to be compared."""

    units: NDArray[np.float32]
    """A row for each: less its mean, with norm 1; zeros where there is no thumbnail or it is all one grey."""
    contrasts: NDArray[np.float32]
    """Standard deviation of each, grey levels."""

    @classmethod
    def parse(cls, fingerprints: Sequence[str]) -> "Thumbnails":
        """From the column of a cohort; voxel hashes and empty texts are no thumbnails.

        Raises:
            InvalidCohort: If a text is no fingerprint.
        """
        pixels = np.zeros((len(fingerprints), THUMBNAIL_SIDE**2), dtype=np.float32)
        for row, text in enumerate(fingerprints):
            if text and not text.startswith(_VOXELS):
                pixels[row] = _pixels(text)
        pixels -= pixels.mean(axis=1, keepdims=True)
        contrasts = pixels.std(axis=1)
        pixels /= np.maximum(contrasts, 1e-6)[:, None] * THUMBNAIL_SIDE
        return cls(units=pixels, contrasts=contrasts)

    def correlations(self, rows: slice, columns: slice) -> Correlations:
        """Of each thumbnail of `rows` with each of `columns`, the best of the eight ways to lay it on the other.

        A rectangle that was squeezed to a square and then turned is the turned rectangle squeezed.
        """
        squares = self.units[rows].reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        others = self.units[columns].T
        best = np.full((len(squares), others.shape[1]), -1, dtype=np.float32)
        for faced in (squares, squares[:, :, ::-1]):
            for quarters in range(4):
                turned = np.rot90(faced, quarters, axes=(1, 2)).reshape(len(squares), -1)
                np.maximum(best, turned @ others, out=best)
        return best

    def are_copies(self, correlations: Correlations, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Which of the pairs show the same.

        Compression costs grey levels, and the same few whether a picture is vivid or dull. So vivid pictures must
        correlate better than dull ones: any dark spot on light skin correlates with any other.
        """
        contrast = np.maximum(self.contrasts[rows, None], self.contrasts[None, columns])
        difference = contrast * np.sqrt(np.maximum(1 - correlations**2, 0))
        return (correlations >= LEAST_CORRELATION) & (difference <= MOST_DIFFERENCE)


def _pixels(text: str) -> NDArray[np.uint8]:
    try:
        pixels = np.frombuffer(base64.b64decode(text.removeprefix(_THUMBNAIL), validate=True), dtype=np.uint8)
    except binascii.Error:
        pixels = np.zeros(0, dtype=np.uint8)
    if not text.startswith(_THUMBNAIL) or pixels.size != THUMBNAIL_SIDE**2:
        raise InvalidCohort(
            f"A fingerprint is `{_VOXELS}` or `{_THUMBNAIL}` with {THUMBNAIL_SIDE**2} bytes, found {text[:40]!r}.",
            "Ingest the source again.",
        )
    return pixels
