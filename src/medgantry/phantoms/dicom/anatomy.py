"""A body made of smooth ellipsoids, defined at every point of space.

Because it is a function of the position, the truth is known on any grid: also on the one that a reader chooses
when it repairs a tilted or unevenly spaced series.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Values = NDArray[np.float64]

_WAVES = 6


@dataclass(frozen=True)
class Palette:
    """Values of a modality, in its unit.

    Attributes:
        air: Outside the body.
        tissue: Inside the body.
        organs: Difference of each organ from the tissue around it.
        texture: Amplitude of the slow waves in the body.
        noise: Standard deviation of the noise of a voxel.
    """

    air: float
    tissue: float
    organs: tuple[float, ...]
    texture: float
    noise: float


PALETTES = {
    "CT": Palette(air=-1000.0, tissue=40.0, organs=(660.0, -850.0, 90.0, -140.0), texture=12.0, noise=20.0),
    "MR": Palette(air=12.0, tissue=400.0, organs=(450.0, -300.0, 160.0, -90.0), texture=25.0, noise=7.0),
    "PT": Palette(
        air=40.0, tissue=2500.0, organs=(22000.0, -1800.0, 7000.0, 900.0), texture=200.0, noise=30.0
    ),
}


@dataclass(frozen=True, kw_only=True)
class Ellipsoid:
    """A region in the body's own coordinates: (along the normal, down the rows, along the columns).

    The coordinates are 0 in the middle of the volume and -1 or 1 at its borders.

    Attributes:
        centre: Its middle.
        radii: Its half axes.
        contrast: What it adds to the values, in the modality's unit.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    contrast: float = 120.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """A body in space.

    Attributes:
        middle_mm: (3,) LPS.
        axes: (3, 3), the columns are unit vectors in LPS: normal, down the rows, along the columns.
        half_mm: (3,) half the volume's extent along these axes.
        palette: The modality's values.
        parts: Organs and lesions.
        waves: (wave, 4) of the texture: a wave vector in the body's coordinates, and a phase.
        edge: Share of a radius over which an edge fades.
    """

    middle_mm: Points
    axes: NDArray[np.float64]
    half_mm: NDArray[np.float64]
    palette: Palette
    parts: tuple[Ellipsoid, ...]
    waves: NDArray[np.float64]
    edge: float

    def coordinates(self, points_mm: Points) -> NDArray[np.float64]:
        """Return the body's coordinates (..., 3) of points (..., 3) in LPS millimetres."""
        local: NDArray[np.float64] = (points_mm - self.middle_mm) @ self.axes / self.half_mm
        return local

    def values(self, points_mm: Points) -> Values:
        """Return the noiseless values (...) at points (..., 3) in LPS millimetres."""
        local = self.coordinates(points_mm)
        # The shift makes no two slices mirror images of each other.
        inside = _soft(local + 0.04 * local[..., :1], (0.0, 0.0, 0.0), (1.15, 0.82, 0.86), self.edge)
        texture = np.zeros(local.shape[:-1])
        for *vector, phase in self.waves:
            texture += np.sin(local @ np.array(vector) + phase)
        within = self.palette.tissue - self.palette.air + self.palette.texture * texture / np.sqrt(_WAVES)
        values: Values = self.palette.air + inside * within
        for part in self.parts:
            values += part.contrast * _soft(local, part.centre, part.radii, self.edge)
        return values


def make_body(
    rng: np.random.Generator,
    *,
    middle_mm: Points,
    axes: NDArray[np.float64],
    half_mm: NDArray[np.float64],
    palette: Palette,
    lesions: tuple[Ellipsoid, ...] = (),
    edge: float,
) -> Body:
    """Draw a body.

    Args:
        rng: Decides the organs and the texture.
        middle_mm: (3,) LPS.
        axes: (3, 3), the columns are unit vectors in LPS: normal, down the rows, along the columns.
        half_mm: (3,) half the volume's extent along these axes.
        palette: The modality's values.
        lesions: Regions to be added as they are.
        edge: Share of a radius over which an edge fades.
    """
    organs = tuple(
        Ellipsoid(
            centre=tuple(rng.uniform((-0.5, -0.35, -0.35), (0.5, 0.35, 0.35)).tolist()),
            radii=tuple(rng.uniform((0.35, 0.22, 0.22), (0.6, 0.36, 0.36)).tolist()),
            contrast=contrast,
        )
        for contrast in palette.organs
    )
    vectors = rng.uniform(-3.0, 3.0, size=(_WAVES, 3))
    phases = rng.uniform(0.0, 2 * np.pi, size=(_WAVES, 1))
    return Body(
        middle_mm=middle_mm, axes=axes, half_mm=half_mm, palette=palette, parts=organs + lesions,
        waves=np.hstack([vectors, phases]), edge=edge,
    )  # fmt: skip


def is_inside(local: NDArray[np.float64], region: Ellipsoid) -> NDArray[np.bool_]:
    """Tell which of the body's coordinates (..., 3) lie in the region."""
    inside: NDArray[np.bool_] = _distance(local, region.centre, region.radii) <= 1.0
    return inside


def _distance(local: NDArray[np.float64], centre: tuple[float, ...], radii: tuple[float, ...]) -> Values:
    """Return the distance (...) from the centre, where 1 is the surface."""
    distance: Values = np.linalg.norm((local - np.array(centre)) / np.array(radii), axis=-1)
    return distance


def _soft(
    local: NDArray[np.float64], centre: tuple[float, ...], radii: tuple[float, ...], edge: float
) -> Values:
    """Return 1 inside and 0 outside (...), fading over a share `edge` of the radii."""
    soft: Values = 0.5 - 0.5 * np.tanh((_distance(local, centre, radii) - 1.0) / (2 * edge))
    return soft
