"""How a chest moves from breathed out to breathed in: smooth, known at every point, and never folding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_STEPS = 25
"""Of the fixed-point iteration; the motion shrinks distances by less than 0.6 a step: far below a micrometre."""


@dataclass(frozen=True, kw_only=True)
class Breathing:
    """One breath of one body, and that it lies elsewhere afterwards.

    All in mm, right, anterior, superior of the middle of the chest.
    """

    descent: float
    """How far the top of the diaphragm goes down."""
    widening: float
    """How far the flanks go apart, each."""
    lifting: float
    """How far the breastbone comes forward."""
    shift: Points
    """(3,), of the whole body."""
    waves: Points
    """(3, 3), heights of a slow wave along each axis, of each component."""
    phases: Points
    """(3, 3), of the waves, radians."""
    half: Points
    """(3,), half the field of view."""

    @classmethod
    def draw(cls, rng: np.random.Generator, half: Points) -> "Breathing":
        """Draw a breath.

        Args:
            rng: The pair's generator.
            half: (3,) half the field of view.
        """
        return cls(
            descent=rng.uniform(0.20, 0.28) * float(half[2]),
            widening=rng.uniform(0.03, 0.06) * float(half[0]),
            lifting=rng.uniform(0.05, 0.10) * float(half[1]),
            shift=rng.uniform(0.05, 0.10, size=3) * rng.choice((-1.0, 1.0), size=3) * half,
            waves=rng.uniform(-0.012, 0.012, size=(3, 3)) * half,
            phases=rng.uniform(0, 2 * np.pi, size=(3, 3)),
            half=half,
        )

    def displacement(self, points: Points) -> Points:
        """Where points of the body that breathed out go.

        Args:
            points: (n, 3) mm.

        Returns:
            (n, 3) mm, to be added to the points.
        """
        x, y, z = (points / self.half).T
        near_diaphragm = np.exp(-(((z + 0.35) / 0.55) ** 2) / 2)
        inside = np.exp(-((x / 0.9) ** 2 + (y / 0.9) ** 2) / 2)
        breath = np.stack(
            [
                self.widening * np.tanh(2 * x) * np.exp(-((z + 0.1) ** 2)),
                self.lifting / (1 + np.exp(-4 * y)) * np.exp(-((z + 0.1) ** 2)),
                -self.descent * near_diaphragm * inside,
            ],
            axis=1,
        )
        wave = np.sin(2 * (points / self.half)[:, None, :] + self.phases)  # (n, component, axis)
        moved: Points = breath + self.shift + (self.waves * wave).sum(axis=2)
        return moved

    def origin(self, points: Points) -> Points:
        """Which points of the body that breathed out are at these places now: (n, 3) -> (n, 3) mm."""
        found = points - self.shift
        for _ in range(_STEPS):
            found = points - self.displacement(found)
        return found
