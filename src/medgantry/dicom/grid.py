"""Where the voxels of a stack lie, and by what rules slices make a regular grid.

Coordinates are DICOM's patient coordinates, LPS+, in mm. Array axes are (slice, row, column), slices ascending along
the normal, which is column direction x row direction (PS3.3 C.7.6.2.1.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.dicom.frame import Frame
from medgantry.ledger import Unusable

Vectors = NDArray[np.float64]

NO_GAP = "no slice is missing"
EVEN = "slices are evenly spaced"
UPRIGHT = "slices lie along the normal"

ORIENTATION_TOLERANCE = 1e-3
"""How far a direction cosine may differ within a stack; 0.25 mm at the rim of a 500 mm field of view."""
SPACING_TOLERANCE = 1e-3
"""Relative difference of in-plane spacing within a stack."""
POSITION_TOLERANCE_MM = 0.03
POSITION_TOLERANCE = 0.04
"""How far a slice may lie from its place: this share of the spacing, but at least the length above."""
SHEAR_TOLERANCE_MM = 0.1
"""How far the last slice may lie beside the normal through the first."""
SAME_POSITION = 0.1
"""Share of the spacing below which two slices lie at one position."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A regular grid of voxels."""

    shape: tuple[int, int, int]
    """Slices, rows, columns."""
    affine: Vectors
    """4x4: (slice, row, column) index -> LPS+ mm."""

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Between slices, rows, columns."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def nifti_affine(self) -> Vectors:
        """4x4: (column, row, slice) index -> RAS+ mm, for the transposed array."""
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.affine[:, [2, 1, 0, 3]]

    def index_of(self, points_mm: Vectors) -> Vectors:
        """Continuous (slice, row, column) indices of points, shape (n, 3), LPS+ mm."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(points_mm @ inverse[:3, :3].T + inverse[:3, 3])


@dataclass(frozen=True, kw_only=True)
class Plane:
    """What all slices of a stack share."""

    row: Vectors
    """Unit vector of increasing column index."""
    column: Vectors
    """Unit vector of increasing row index."""
    spacing_mm: tuple[float, float]
    """Between rows, between columns."""

    @property
    def normal(self) -> Vectors:
        """Unit vector of ascending slices."""
        return np.cross(self.row, self.column)


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Sorted slices of a stack and how they lie along and beside the normal."""

    plane: Plane
    order: Sequence[int]
    """Indices of the slices given, ascending along the normal."""
    along_mm: Vectors
    """Position along the normal, ascending."""
    positions_mm: Vectors
    """First voxels, (n, 3), in the same order."""

    @property
    def steps_mm(self) -> Vectors:
        """Distances between neighbours along the normal."""
        return np.diff(self.along_mm)

    @property
    def spacing_mm(self) -> float:
        """The usual step: the median of those that are no repeats."""
        steps = self.steps_mm[self.steps_mm > 1e-3]
        return float(np.median(steps)) if len(steps) else 0.0

    @property
    def tolerance_mm(self) -> float:
        """How far a slice may lie from its place."""
        return max(POSITION_TOLERANCE_MM, POSITION_TOLERANCE * self.spacing_mm)


def shared_plane(frames: Sequence[Frame]) -> Plane:
    """The plane that all slices share.

    Raises:
        Unusable: If directions are not orthonormal, or differ between the slices.
    """
    cosines = np.array([frame.orientation for frame in frames])
    spacings = np.array([frame.pixel_spacing_mm for frame in frames])
    middle = np.median(cosines, axis=0)
    row, column = middle[:3], middle[3:]
    off = max(abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(column) - 1), abs(row @ column))
    if off > ORIENTATION_TOLERANCE:
        raise Unusable(
            "row and column directions are orthonormal",
            f"off by {off:.2g}: {np.round(middle, 4).tolist()}",
            "Export the series with its geometry.",
        )
    _within(cosines, middle, ORIENTATION_TOLERANCE, "all slices have one orientation")
    spacing = np.median(spacings, axis=0)
    _within(spacings / spacing, np.ones(2), SPACING_TOLERANCE, "all slices have one pixel spacing")
    row = row / np.linalg.norm(row)
    column = column - (column @ row) * row
    return Plane(
        row=row, column=column / np.linalg.norm(column), spacing_mm=(float(spacing[0]), float(spacing[1]))
    )


def _within(values: Vectors, middle: Vectors, tolerance: float, rule: str) -> None:
    off = float(np.abs(values - middle).max())
    if off > tolerance:
        raise Unusable(rule, f"they differ by {off:.2g}", "Split the series, or export it again.")


def place_slices(frames: Sequence[Frame]) -> Placement:
    """Sort slices by their projection on the normal.

    Raises:
        Unusable: If they share no plane.
    """
    plane = shared_plane(frames)
    positions = np.array([frame.position_mm for frame in frames])
    along = positions @ plane.normal
    order = np.argsort(along, kind="stable")
    return Placement(
        plane=plane, order=[int(i) for i in order], along_mm=along[order], positions_mm=positions[order]
    )


def regular_grid(placement: Placement, rows: int, columns: int) -> Grid:
    """The grid of slices that passed `check_steps` and `check_shear`."""
    count = len(placement.along_mm)
    step = float(placement.along_mm[-1] - placement.along_mm[0]) / (count - 1)
    return grid_at(placement.plane, placement.positions_mm[0], step, (count, rows, columns))


def grid_at(plane: Plane, origin_mm: Vectors, step_mm: float, shape: tuple[int, int, int]) -> Grid:
    """A grid from its plane, first voxel, step along the normal and shape."""
    affine = np.eye(4)
    affine[:3, 0] = plane.normal * step_mm
    affine[:3, 1] = plane.column * plane.spacing_mm[0]
    affine[:3, 2] = plane.row * plane.spacing_mm[1]
    affine[:3, 3] = origin_mm
    return Grid(shape=shape, affine=affine)


def check_steps(placement: Placement) -> None:
    """Refuse slices that are not evenly spaced, and say whether some are missing.

    Raises:
        Unusable: With the rule `NO_GAP` or `EVEN`, which can be repaired on request, or for a single slice.
    """
    count = len(placement.along_mm)
    if count < 2:
        raise Unusable("a volume has at least two slices", str(count), "Choose other series in `select`.")
    places = np.linspace(placement.along_mm[0], placement.along_mm[-1], count)  # those of `regular_grid`
    if np.abs(places - placement.along_mm).max() <= placement.tolerance_mm:
        return
    missing = missing_slices(placement)
    steps = np.round(placement.steps_mm, 3)
    if missing:
        raise Unusable(
            NO_GAP,
            f"{sum(missing.values())} missing after slice {sorted(missing)[:5]}, spacing {steps.min()} mm, "
            f"largest step {steps.max()} mm",
            "Fetch the missing slices, or allow the repair `gap`, which interpolates.",
        )
    raise Unusable(
        EVEN,
        f"steps from {steps.min()} to {steps.max()} mm",
        "Choose another reconstruction, or allow the repair `spacing`, which resamples.",
    )


def check_shear(placement: Placement) -> None:
    """Refuse slices that do not lie above each other.

    Raises:
        Unusable: With the rule `UPRIGHT`, which can be repaired on request, or if they lie on no line at all.
    """
    beside = shear(placement)
    height = float(placement.along_mm[-1] - placement.along_mm[0])
    if np.linalg.norm(beside) * height > SHEAR_TOLERANCE_MM:
        angle = np.degrees(np.arctan(np.linalg.norm(beside)))
        raise Unusable(
            UPRIGHT,
            f"gantry tilt of {angle:.2f} degrees: the last slice lies "
            f"{np.linalg.norm(beside) * height:.2f} mm beside the first",
            "Allow the repair `tilt`, which resamples.",
        )


def missing_slices(placement: Placement) -> dict[int, int]:
    """Slice -> how many are missing after it, when most steps are the smallest and the others multiples; else empty."""
    steps = placement.steps_mm
    base = float(np.mean(steps[steps < 1.5 * steps.min()]))
    times = np.round(steps / base)
    # A tolerance per missing slice would let any spacing pass as a multiple.
    if np.abs(steps - times * base).max() > 2 * placement.tolerance_mm or 2 * np.sum(times == 1) <= len(
        times
    ):
        return {}
    return {int(index): int(times[index]) - 1 for index in np.flatnonzero(times > 1)}


def shear(placement: Placement) -> Vectors:
    """How far slices lie beside the normal through the first, per mm along it: (3,), perpendicular to the normal.

    Raises:
        Unusable: If the slices lie on no line at all.
    """
    normal = placement.plane.normal
    beside = placement.positions_mm - np.outer(placement.positions_mm @ normal, normal)
    along = placement.along_mm - placement.along_mm[0]
    slope, start = np.polyfit(along, beside, 1)
    residual = np.linalg.norm(np.outer(along, slope) + start - beside, axis=1)
    if residual.max() > max(placement.tolerance_mm, SHEAR_TOLERANCE_MM):
        raise Unusable(
            "slices lie on a line",
            f"slice {int(residual.argmax())} lies {residual.max():.3f} mm off",
            "Split the series by acquisition, or export it again.",
        )
    return np.asarray(slope)
