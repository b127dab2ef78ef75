"""One dirty series, what a reader should say to it, and what it should read."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medgantry.phantoms.dicom.anatomy import Body
from medgantry.phantoms.dicom.series import Mask, Series, Volume, make_series, write_datasets
from medgantry.phantoms.dicom.spec import SeriesSpec

Verdict = Literal["ok", "rejected", "repaired"]
Repair = Literal["tilt", "gap", "spacing", "padding"]


@dataclass(frozen=True, eq=False)
class Truth:
    """A volume.

    Attributes:
        voxels: (slice along the normal, row, column), rescaled; NaN where nothing was measured.
        affine: (4, 4) from voxel indices (slice, row, column, 1) to LPS millimetres.
    """

    voxels: Volume
    affine: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a row of the table makes.

    Attributes:
        datasets: The instances, in an order that means nothing.
        truth: The main stack as a reader should return it without any repair that has to be asked for; None
            where it should return nothing.
        affine_tolerance_mm: How far a voxel may lie from where the truth puts it.
        repair: The repair that would help when asked for.
        repaired: The main stack after that repair, on the grid that loses least.
        repair_tolerance: Largest difference from `repaired` that linear interpolation explains.
        body: The noiseless values at any point, where a repair may choose a grid of its own.
        padding: (slice, row, column) where `repaired` of the repair "padding" was filled in.
        also_acceptable: Verdicts that cannot be called wrong; a volume, if any, must be the truth then too.
        alternatives: The stacks that a reader could return if it were told which.
    """

    datasets: list[Dataset]
    truth: Truth | None = None
    affine_tolerance_mm: float = 1e-4
    repair: Repair | None = None
    repaired: Truth | None = None
    repair_tolerance: float = 0.0
    body: Body | None = None
    padding: Mask | None = None
    also_acceptable: frozenset[Verdict] = frozenset()
    alternatives: tuple[Truth, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class DirtyCase(Outcome):
    """A dirty series.

    Attributes:
        name: Its key in DIRTY.
        expected: The verdict without any repair that has to be asked for: "repaired" is what needs no
            asking, because nothing is lost or made up.
        why: One sentence.
        seed: What it was made from.
    """

    name: str
    expected: Verdict
    why: str
    seed: int = field(default=0)


Maker = Callable[[int], DirtyCase]
Rows = dict[str, Maker]


def row(table: Rows, name: str, expected: Verdict) -> Callable[[Callable[[int], Outcome]], Maker]:
    """Put a function from a seed to an outcome into a table; its docstring is the case's `why`.

    Args:
        table: Changed in place.
        name: Key of the case.
        expected: Verdict of the case.
    """

    def add(make: Callable[[int], Outcome]) -> Maker:
        why = " ".join((make.__doc__ or "").split())

        def maker(seed: int) -> DirtyCase:
            outcome = make(seed)
            content = {item.name: getattr(outcome, item.name) for item in fields(Outcome)}
            return DirtyCase(name=name, expected=expected, why=why, seed=seed, **content)

        table[name] = maker
        return maker

    return add


def make_clean(seed: int, **changes: object) -> Series:
    """Return a sound series of 20 slices; changes are fields of SeriesSpec."""
    return make_series(SeriesSpec(seed=seed, **changes))  # type: ignore[arg-type]


def make_smooth(seed: int, **changes: object) -> Series:
    """Return a sound series that can be interpolated."""
    return make_clean(seed, noise=False, edge=0.5, **changes)


def truth_of(series: Series) -> Truth:
    """Return the whole series as the truth."""
    return Truth(series.voxels, series.affine)


def all_of(series: Series, *, affine_tolerance_mm: float = 1e-4) -> Outcome:
    """Return the series' instances as they are now, with the whole series as the truth."""
    return Outcome(datasets=series.datasets, truth=truth_of(series), affine_tolerance_mm=affine_tolerance_mm)


def write_case(case: DirtyCase, folder: Path) -> list[Path]:
    """Write a case's instances; their file names have an order of their own."""
    return write_datasets(case.datasets, folder, seed=case.seed)


def middle(series: Series) -> int:
    """Return the index of a slice inside the stack."""
    return series.spec.slices // 2
