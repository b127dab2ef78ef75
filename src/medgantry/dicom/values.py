"""Values of slices in their own units: stored values times slope plus intercept (PS3.3 C.11.1)."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.dicom.decoding import check_room, dtype_of, is_compressed, stored_values
from medgantry.dicom.frame import Frame
from medgantry.ledger import Unusable

Array = NDArray[Any]
_POOLS: dict[int, ProcessPoolExecutor] = {}
_INT16 = np.iinfo(np.int16)
_WHOLE = 1 << 24
"""From here on products of 32-bit values overflow on the way."""


def read_values(frames: Sequence[Frame], *, workers: int = 1) -> Array:
    """Decode and rescale slices.

    Args:
        frames: Slices of one matrix, in the order wanted.
        workers: Processes for compressed slices.

    Returns:
        (slice, row, column): int16 or int32 where every slope and intercept is whole and the values fit, else float32.

    Raises:
        Unusable: If pixel data are damaged.
    """
    if workers > 1 and len(frames) > 2 * workers and is_compressed(frames[0].transfer_syntax):
        parts = np.array_split(np.arange(len(frames)), workers)
        with decoders(workers) as pool:
            chunks = list(pool.map(read_values, [[frames[index] for index in part] for part in parts]))
        return np.concatenate(chunks)
    check_room(frames)
    rescales = [frame.rescale or (1.0, 0.0) for frame in frames]
    whole = all(
        slope == int(slope) and intercept == int(intercept) and max(abs(slope), abs(intercept)) < _WHOLE
        for slope, intercept in rescales
    )
    if whole and all(frame.pixels.kind != "f" for frame in frames):
        return _whole_values(frames, rescales)
    out = np.empty(_shape(frames), np.float32)
    for index, (frame, (slope, intercept)) in enumerate(zip(frames, rescales, strict=True)):
        stored = np.empty((1, *out.shape[1:]), dtype_of(frame.pixels))
        stored_values([frame], stored)
        out[index] = stored[0] * np.float64(slope) + intercept
        if frame.pixels.kind == "f" and not np.isfinite(out[index]).all():
            raise Unusable("values are finite", "some are not", "Export the series again.")
    return out


@contextmanager
def decoders(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that decode, for as long as the outermost block lasts: decoders hold the interpreter's lock."""
    started = _POOLS.get(workers)
    if started is not None:
        yield started
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("forkserver")) as pool:
        _POOLS[workers] = pool
        try:
            yield pool
        finally:
            del _POOLS[workers]


def padded_voxels(frames: Sequence[Frame], values: Array) -> Array:
    """Which voxels hold a value that means 'no data here' (PS3.3 C.7.5.1.1.2); same shape as the values."""
    padded = np.zeros(values.shape, bool)
    for index, frame in enumerate(frames):
        if frame.padding is not None:
            slope, intercept = frame.rescale or (1.0, 0.0)
            ends = sorted(bound * slope + intercept for bound in frame.padding)
            padded[index] = (values[index] >= ends[0] - 1e-3) & (values[index] <= ends[1] + 1e-3)
    return padded


def _shape(frames: Sequence[Frame]) -> tuple[int, int, int]:
    return len(frames), frames[0].pixels.rows, frames[0].pixels.columns


def _whole_values(frames: Sequence[Frame], rescales: Sequence[tuple[float, float]]) -> Array:
    """Read into int16 where stored values and results fit, which is nearly always, else into int32."""
    narrow = all(frame.pixels.bits_allocated == 16 for frame in frames)
    if narrow:
        out = np.empty(_shape(frames), np.int16)
        if all(_fill(frame, out[i], *rescales[i]) for i, frame in enumerate(frames)):
            return out
    wide = np.empty(_shape(frames), np.int64)
    for index, (frame, (slope, intercept)) in enumerate(zip(frames, rescales, strict=True)):
        stored = np.empty((1, *wide.shape[1:]), dtype_of(frame.pixels))
        stored_values([frame], stored)
        wide[index] = stored[0].astype(np.int64) * int(slope) + int(intercept)
    low, high = wide.min(), wide.max()
    fits = [kind for kind in (np.int16, np.int32) if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max]
    return wide.astype(fits[0]) if fits else wide.astype(np.float32)


def _fill(frame: Frame, out: Array, slope: float, intercept: float) -> bool:
    """Read one slice into int16 and rescale it there; false when a value does not fit."""
    stored = out.view(np.uint16) if frame.pixels.kind == "u" else out
    stored_values([frame], stored[np.newaxis])
    ends = [int(end) * int(slope) + int(intercept) for end in (stored.min(), stored.max())]
    if min(ends) < _INT16.min or max(ends) > _INT16.max:
        return False
    # Sixteen bits wrap around on the way and come out right, because the result fits.
    if slope != 1:
        out *= np.int64(int(slope)).astype(np.int16)
    if intercept != 0:
        out += np.int64(int(intercept)).astype(np.int16)
    return True
