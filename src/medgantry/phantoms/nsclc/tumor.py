"""A tumour as a function of space: its surface, its texture, and the lung around it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.phantoms.dicom.anatomy import PALETTES, Body, Ellipsoid, Points, Values
from medgantry.phantoms.dicom.spec import SeriesSpec

Matrix = NDArray[np.float64]

_ELONGATION = (0.70, 0.09)
"""Mean of the second axis over the first, and what one standard deviation of the latent value adds."""
_LOG_VOLUME = (float(np.log(4000.0)), 0.5)
"""Mean and standard deviation of the logarithm of the volume in cubic millimetres."""
_EDGE = 0.05
"""Share of the radius over which the border fades."""
_LUNG = Ellipsoid(centre=(0.0, 0.0, 0.0), radii=(1.4, 0.78, 0.8), contrast=-850.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tumor:
    """An ellipsoid with lobes, in millimetres and HU.

    Attributes:
        offset_mm: (3,) LPS of its middle from the volume's middle.
        semi_axes_mm: Longest first.
        axes: (3, 3), the columns are their LPS directions.
        lobes: (wave, 4) of the surface: a wave vector over directions, and a phase.
        lobe_height: By how much of the radius lobes rise.
        density_hu: Mean value.
        core_hu: By how much the middle is less dense.
        texture_hu: Amplitude of the texture.
        texture: (wave, 4) of the texture: a wave vector per millimetre, and a phase.
    """

    offset_mm: Points
    semi_axes_mm: tuple[float, float, float]
    axes: Matrix
    lobes: Matrix
    lobe_height: float
    density_hu: float
    core_hu: float
    texture_hu: float
    texture: Matrix

    @property
    def longest_mm(self) -> float:
        """Its longest diameter."""
        return 2 * self.semi_axes_mm[0]

    def depth(self, points_mm: Points) -> Values:
        """Return 0 in the middle and 1 on the surface (...) at points (..., 3) from the volume's middle."""
        local = (points_mm - self.offset_mm) @ self.axes / np.array(self.semi_axes_mm)
        radius: Values = np.linalg.norm(local, axis=-1)
        directions = local / np.maximum(radius, 1e-9)[..., None]
        return radius / (1 + self.lobe_height * _waves(self.lobes, directions))

    def density(self, points_mm: Points) -> Values:
        """Return its values (...) in HU at points (..., 3) from the volume's middle."""
        core = self.core_hu * np.exp(-3 * self.depth(points_mm) ** 2)
        return self.density_hu - core + self.texture_hu * _waves(self.texture, points_mm)


def draw_tumor(rng: np.random.Generator, latent: float) -> Tumor:
    """Draw a tumour.

    Args:
        rng: Decides all but the elongation.
        latent: Standardised elongation.
    """
    volume_mm3 = np.exp(_LOG_VOLUME[0] + _LOG_VOLUME[1] * np.clip(rng.normal(), -2, 2))
    second = _ELONGATION[0] + _ELONGATION[1] * latent
    third = second * rng.uniform(0.75, 0.95)
    first_mm = float((volume_mm3 / (4 / 3 * np.pi * second * third)) ** (1 / 3))
    directions = rng.normal(size=(8, 3))
    wave_mm = rng.uniform(5.0, 14.0)
    directions *= 2 * np.pi / wave_mm / np.linalg.norm(directions, axis=1, keepdims=True)
    return Tumor(
        offset_mm=rng.uniform(-3.0, 3.0, size=3),
        semi_axes_mm=(first_mm, first_mm * second, first_mm * third),
        axes=np.linalg.qr(rng.normal(size=(3, 3)))[0],
        lobes=np.hstack([rng.normal(scale=5.0, size=(4, 3)), rng.uniform(0, 2 * np.pi, size=(4, 1))]),
        lobe_height=float(rng.uniform(0.0, 0.05)),
        density_hu=float(rng.normal(35.0, 15.0)),
        core_hu=float(rng.uniform(0.0, 80.0)),
        texture_hu=float(np.exp(rng.normal(3.2, 0.35))),
        texture=np.hstack([directions, rng.uniform(0, 2 * np.pi, size=(8, 1))]),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Chest(Body):
    """A piece of lung and chest wall with a tumour."""

    tumor: Tumor

    def values(self, points_mm: Points) -> Values:
        """Return the noiseless values (...) at points (..., 3) in LPS millimetres."""
        values = super().values(points_mm)
        from_middle = points_mm - self.middle_mm
        depth = self.tumor.depth(from_middle)
        near = depth < 1 + 10 * _EDGE
        share = 0.5 - 0.5 * np.tanh((depth[near] - 1) / (2 * _EDGE))
        values[near] += share * (self.tumor.density(from_middle[near]) - values[near])
        return values

    def holds_tumor(self, points_mm: Points) -> NDArray[np.bool_]:
        """Tell which points (..., 3) in LPS millimetres lie in the tumour."""
        inside: NDArray[np.bool_] = self.tumor.depth(points_mm - self.middle_mm) <= 1
        return inside


def make_chest(rng: np.random.Generator, spec: SeriesSpec, tumor: Tumor) -> Chest:
    """Return a chest around a tumour, in the middle of a series' volume."""
    points = spec.points_mm
    corner, opposite = points[0, 0, 0], points[-1, -1, -1]
    return Chest(
        middle_mm=(corner + opposite) / 2, axes=spec.axes, half_mm=np.abs((opposite - corner) @ spec.axes) / 2,
        palette=PALETTES["CT"], parts=(_LUNG,), edge=spec.edge, tumor=tumor,
        waves=np.hstack([rng.uniform(-3.0, 3.0, size=(6, 3)), rng.uniform(0, 2 * np.pi, size=(6, 1))]),
    )  # fmt: skip


def _waves(waves: Matrix, points: Points) -> Values:
    """Return a sum (...) of sine waves (wave, 4) at points (..., 3), of standard deviation 1."""
    values: Values = np.sin(points @ waves[:, :3].T + waves[:, 3]).sum(axis=-1) / np.sqrt(len(waves) / 2)
    return values
