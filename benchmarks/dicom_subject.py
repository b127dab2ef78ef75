"""A CT series of the size people have, from the phantom generator, in shuffled files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medgantry.dicom.header import read_header
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import Volume, read_volume
from medgantry.phantoms.dicom.series import Series, make_series, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec


def write_subject(folder: Path, transfer_syntax: str = "1.2.840.10008.1.2.1", slices: int = 160) -> Series:
    """Write slices of 512 x 512 and give back their truth."""
    spec = SeriesSpec(
        slices=slices,
        rows=512,
        columns=512,
        pixel_spacing_mm=(0.7, 0.7),
        slice_spacing_mm=1.25,
        transfer_syntax=transfer_syntax,
    )
    series = make_series(spec)
    write_series(series, folder)
    return series


def read_ours(folder: Path, workers: int = 1) -> Volume:
    """The series of a folder by our reader, from the files' names to values with their place."""
    (series,) = group_series(read_header(path) for path in folder.iterdir())
    (stack,) = series.stacks()
    return read_volume(stack, modality=series.modality, workers=workers)


def same(found: NDArray[np.generic], wanted: NDArray[np.generic]) -> None:
    """The correctness gate: a ratio is void when outputs differ."""
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    assert np.array_equal(found, wanted)
