"""The smallest dtype a tensor can be stored in, chosen by measured round-trip error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidInput

RELATIVE_ERROR = 1e-3
"""Allowed error of the largest absolute value; float16 has half of it by construction."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A tensor as stored: `value = stored * scale + offset`."""

    stored: NDArray[np.generic]
    scale: float = 1.0
    offset: float = 0.0
    made: str = "float32"
    """The dtype that the transforms gave, and that readers give again."""


def encode(values: NDArray[np.generic]) -> Encoded:
    """Choose the storage of a tensor: exact uint8, int16 or int32, float16, else scaled int16.

    Raises:
        InvalidInput: If a value is not finite, or a whole number is larger than 32 bits hold; none is ever clipped.
    """
    exact = np.asarray(values)
    made = str(exact.dtype)
    if exact.dtype.kind == "f" and not np.isfinite(exact).all():
        raise InvalidInput(
            f"The transforms gave {int((~np.isfinite(exact)).sum())} values that are not finite.",
            "Check the volume for constant channels and the transforms for divisions.",
        )
    low, high = float(exact.min()), float(exact.max())
    if _is_whole(exact):
        for dtype in (np.uint8, np.int16, *((np.int32,) if exact.dtype.kind in "iu" else ())):
            info = np.iinfo(dtype)
            if info.min <= low and high <= info.max:
                return Encoded(stored=np.ascontiguousarray(exact.astype(dtype)), made=made)
    if exact.dtype.kind in "iu":
        raise InvalidInput(
            f"The transforms gave whole numbers from {low:.0f} to {high:.0f}, and shards hold 32 bits.",
            "Store intensities as floating-point numbers, labels as small codes.",
        )
    largest = max(abs(low), abs(high))
    if largest <= float(np.finfo(np.float16).max):
        half = exact.astype(np.float16)
        if float(np.abs(half - exact).max()) <= RELATIVE_ERROR * largest:
            return Encoded(stored=np.ascontiguousarray(half), made=made)
    offset = (low + high) / 2
    scale = (high - low) / (2 * np.iinfo(np.int16).max) or 1.0  # a constant volume has no range
    stored = np.rint((exact.astype(np.float64) - offset) / scale).astype(np.int16)
    return Encoded(stored=np.ascontiguousarray(stored), scale=scale, offset=offset, made=made)


def _is_whole(values: NDArray[np.generic]) -> bool:
    if values.dtype.kind in "biu":
        return True
    few = values.ravel()[:: max(1, values.size // 1000)]  # most images are told by a few voxels
    return bool((few == np.rint(few)).all() and (values == np.rint(values)).all())


def decode(stored: NDArray[np.generic], scale: float, offset: float) -> NDArray[np.generic]:
    """The values of a stored tensor; integers stored exactly stay integers."""
    if scale == 1.0 and offset == 0.0:
        return stored
    return (stored.astype(np.float64) * scale + offset).astype(np.float32)
