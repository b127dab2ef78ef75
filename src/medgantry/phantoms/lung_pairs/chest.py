"""A chest that has breathed out, as functions of space: it can be looked at from any grid, and after any motion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Values = NDArray[np.float64]

AIR, LUNG, TISSUE, BLOOD, BONE = -1000.0, -800.0, 30.0, 60.0, 450.0
"""Hounsfield units."""
_SOFTNESS_MM = 1.5
_VESSELS = 14
"""Of each lung."""


@dataclass(frozen=True, kw_only=True)
class Chest:
    """A body, two lungs above a diaphragm, a heart, a spine, ribs, and vessels that every pair has its own of.

    Places are in mm, right, anterior, superior of the middle; sizes follow the field of view.
    """

    half: Points
    """(3,), half the field of view."""
    radii: Points
    """(3,), of a lung."""
    dome: float
    """Height of the top of the diaphragm, as a part of half the field of view."""
    vessels: Points
    """(v, 2, 3), ends of the vessels."""
    calibers: Values
    """(v,), their radii."""

    @classmethod
    def draw(cls, rng: np.random.Generator, half: Points) -> "Chest":
        """Draw a chest.

        Args:
            rng: The pair's generator.
            half: (3,) half the field of view.
        """
        radii = half * np.array([0.31, 0.52, 0.78]) * rng.uniform(0.93, 1.07, size=3)
        ends = []
        for side in (-1.0, 1.0):
            hilum = half * np.array([0.16 * side, 0.0, 0.1])
            middle = half * np.array([0.42 * side, 0.0, 0.1])
            for _ in range(_VESSELS):
                direction = rng.normal(size=3)
                direction /= np.linalg.norm(direction)
                ends.append([hilum, middle + direction * radii * rng.uniform(0.6, 0.85)])
        return cls(
            half=half,
            radii=radii,
            dome=float(rng.uniform(-0.22, -0.12)),
            vessels=np.array(ends),
            calibers=rng.uniform(2.5, 4.5, size=len(ends)),
        )

    def lungs(self, points: Points) -> Values:
        """Depth below the surface of a lung: (n, 3) mm -> (n,) about mm, positive inside."""
        x, y, z = (points / self.half).T
        middle = self.half * np.array([0.42, 0.0, 0.1])
        mirrored = np.column_stack([np.abs(points[:, 0]), points[:, 1:]])
        ellipsoid = (1 - np.linalg.norm((mirrored - middle) / self.radii, axis=1)) * self.radii.min()
        floor = self.dome - 0.5 * ((np.abs(x) - 0.42) ** 2 + y**2)
        diaphragm = (z - floor) * self.half[2]
        depth: Values = np.minimum(np.minimum(ellipsoid, diaphragm), -self._heart(points))
        return depth

    def hounsfield(self, points: Points, *, lung: float = LUNG) -> Values:
        """What a CT shows: (n, 3) mm -> (n,) HU.

        Args:
            points: Where.
            lung: Of the lung without its vessels; more air makes it darker.
        """
        x, y, z = (points / self.half).T
        trunk = np.hypot(x / 0.9, y / 0.75)
        depth = (1 - trunk) * self.half.min() * 0.75
        value = AIR + (TISSUE - AIR) * _inside(depth)
        ribs = _inside((0.06 - np.abs(trunk - 0.9)) * 60) * _inside(3 * np.sin(14 * z + 4 * y))
        spine = _inside((0.15 - np.hypot(x, y + 0.5)) * self.half[0])
        value += (BONE - TISSUE) * np.maximum(ribs, spine)
        in_lung = _inside(self.lungs(points))
        value += in_lung * (lung - value)
        near = points[(in_lung > 0.01)]
        value[in_lung > 0.01] += (BLOOD - lung) * _inside(self._vessels(near)) * in_lung[in_lung > 0.01]
        return value

    def _heart(self, points: Points) -> Values:
        middle, radii = self.half * np.array([-0.1, 0.22, -0.15]), self.half * np.array([0.3, 0.28, 0.33])
        depth: Values = (1 - np.linalg.norm((points - middle) / radii, axis=1)) * radii.min()
        return depth

    def _vessels(self, points: Points) -> Values:
        """Depth below the surface of the nearest vessel; a vessel thins to half its caliber."""
        depth = np.full(len(points), -np.inf)
        for (start, end), caliber in zip(self.vessels, self.calibers, strict=True):
            along = end - start
            part = np.clip((points - start) @ along / (along @ along), 0, 1)
            distance = np.linalg.norm(points - start - part[:, None] * along, axis=1)
            np.maximum(depth, caliber * (1 - part / 2) - distance, out=depth)
        return depth


def _inside(depth_mm: Values) -> Values:
    """1 inside, 0 outside, with a soft border: partial volume."""
    share: Values = 1 / (1 + np.exp(-np.clip(depth_mm / (_SOFTNESS_MM / 2), -50, 50)))
    return share
