"""Scalar fields that phantoms are drawn from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Field = NDArray[np.float64]


def smooth_noise(rng: np.random.Generator, size: tuple[int, ...], sigma: float) -> Field:
    """Smooth noise of a size, mean 0 and deviation 1; sigma, in voxels, sets its grain."""
    field: Field = gaussian_filter(rng.standard_normal(size), sigma, mode="wrap")
    normal: Field = (field - field.mean()) / field.std()
    return normal


def ellipsoid_distance(
    axes: Sequence[Field], centre: Sequence[float] | Field, radii: Sequence[float] | Field
) -> Field:
    """Each point's distance from a place, in units of an ellipsoid's radii: below 1 is inside.

    Args:
        axes: Coordinates along x, y, z.
        centre: Of the ellipsoid, in the same unit.
        radii: Along x, y, z, in the same unit; an infinite one makes a tube.

    Returns:
        (x, y, z).
    """
    squares = [((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True)]
    x, y, z = np.ix_(*squares)
    distance: Field = np.sqrt(x + y + z)
    return distance
