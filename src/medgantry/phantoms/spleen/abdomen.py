"""An upper abdomen in CT, made of ellipsoids.

Positions are in body units: 1 is half of the field of view across, 0 its middle; x to the patient's right,
y anterior, z superior. Attenuation is in Hounsfield units, as in the portal-venous phase.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medgantry.phantoms.fields import ellipsoid_distance, smooth_noise

Volume = NDArray[np.float64]
Mask = NDArray[np.bool_]
Point = tuple[float, float, float]

SPLEEN = 1
"""The label's code."""

AIR, FAT, MUSCLE, BONE = -1000.0, -100.0, 55.0, 260.0
_FLUID, _GAS = 20.0, -850.0


@dataclass(frozen=True, eq=False)
class _Body:
    """Where things can be.

    Attributes:
        axes: The voxels' positions along x, y, z, in body units.
        cavity: (x, y, z) inside of the abdominal wall.
        bumps: (x, y, z) smooth noise that makes surfaces uneven.
    """

    axes: Sequence[Volume]
    cavity: Mask
    bumps: Volume

    def ellipsoid(
        self, rng: np.random.Generator, centre: Point, radii: Point, *, jitter: float = 0.03
    ) -> Mask:
        """A bumpy ellipsoid (x, y, z) near a place, in the cavity; each radius varies by a tenth."""
        moved = np.array(centre) + rng.uniform(-jitter, jitter, size=3)
        grown = np.array(radii) * rng.uniform(0.9, 1.1, size=3)
        # Each organ sees another part of the noise: filtering anew for each takes most of the time.
        bumps = np.roll(self.bumps, rng.integers(self.bumps.shape), axis=(0, 1, 2))
        mask: Mask = self.cavity & (ellipsoid_distance(self.axes, moved, grown) + bumps < 1.0)
        return mask


def draw_abdomen(
    rng: np.random.Generator, size: tuple[int, int, int], spacing: NDArray[np.float64]
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Draw one patient.

    Args:
        rng: The case's generator.
        size: Voxels along x, y, z.
        spacing: (3,) mm.

    Returns:
        The image (x, y, z) in Hounsfield units and the label (x, y, z), axes to the right, anterior, superior.
    """
    body, tissue = _draw_wall(rng, _axes(rng, size, spacing))
    # Contrast agent that came early or late: it brightens all organs together, so that levels overlap across cases.
    phase = rng.uniform(0.75, 1.1)
    liver, spleen_level = 60 + 45 * phase + rng.normal(0, 6), 50 + 60 * phase + rng.normal(0, 6)
    _draw_bowel(rng, body, tissue)
    _draw_stomach(rng, body, tissue)
    tissue[body.ellipsoid(rng, (0.32, 0.06, 0.15), (0.42, 0.42, 0.50))] = liver
    tissue[body.ellipsoid(rng, (-0.06, 0.26, 0.22), (0.36, 0.17, 0.22))] = liver
    spleen = _draw_spleen(rng, body)
    tissue[spleen] = spleen_level
    for side in (-1, 1):
        kidney = body.ellipsoid(rng, (side * 0.33, -0.28, -0.32), (0.13, 0.13, 0.26))
        tissue[kidney] = 30 + 130 * phase
        spleen &= ~kidney
    tissue[body.ellipsoid(rng, (-0.07, -0.22, 0.0), (0.06, 0.06, np.inf))] = 40 + 120 * phase
    blurred = gaussian_filter(tissue, 0.5)  # partial volume at borders
    texture = 6.0 * smooth_noise(rng, size, sigma=2.0)
    noise = rng.uniform(12.0, 22.0) * smooth_noise(rng, size, sigma=0.5)
    image = np.clip(np.where(blurred > -500, blurred + texture, blurred) + noise, -1024, 3071)
    return image.round().astype(np.int16), spleen.astype(np.uint8) * SPLEEN


def _axes(rng: np.random.Generator, size: tuple[int, int, int], spacing: NDArray[np.float64]) -> list[Volume]:
    """Positions along x, y, z in body units; the scan begins a little higher or lower in each patient."""
    unit = size[0] * spacing[0] / 2
    axes = [(np.arange(n) - (n - 1) / 2) * step / unit for n, step in zip(size, spacing, strict=True)]
    axes[2] = axes[2] + rng.uniform(-0.08, 0.08)
    return axes


def _draw_wall(rng: np.random.Generator, axes: list[Volume]) -> tuple[_Body, Volume]:
    """The body without its organs: fat, the muscles around the cavity, spine and ribs."""
    middle = (*rng.uniform(-0.04, 0.04, size=2), 0.0)
    radii = (rng.uniform(0.86, 0.94), rng.uniform(0.68, 0.76), np.inf)
    depth = ellipsoid_distance(axes, middle, radii)
    bumps = 0.06 * smooth_noise(rng, depth.shape, sigma=4.0)
    everywhere = _Body(axes, np.ones(depth.shape, dtype=np.bool_), bumps)
    fat, wall = rng.uniform(0.05, 0.12), rng.uniform(0.06, 0.09)
    tissue = np.full(depth.shape, AIR)
    tissue[depth < 1.0] = FAT
    tissue[depth < 1.0 - fat] = MUSCLE
    cavity = depth < 1.0 - fat - wall
    tissue[cavity] = FAT
    _, y, z = np.ix_(*axes)
    ribs = (np.abs(depth - (1.0 - fat - wall / 2)) < 0.03) & (np.sin(22 * z + 9 * y) > 0.55)
    tissue[ribs] = BONE
    spine = everywhere.ellipsoid(rng, (0.0, -0.42, 0.0), (0.15, 0.13, np.inf), jitter=0.02)
    tissue[spine] = BONE
    for side in (-1, 1):
        psoas = everywhere.ellipsoid(rng, (side * 0.22, -0.44, 0.0), (0.10, 0.12, np.inf), jitter=0.02)
        tissue[psoas & cavity & ~spine] = MUSCLE
    return _Body(axes, cavity & ~spine, bumps), tissue


def _draw_bowel(rng: np.random.Generator, body: _Body, tissue: Volume) -> None:
    """Loops anywhere in front and below, some of them as bright as the spleen, some with gas."""
    for _ in range(int(rng.integers(6, 10))):
        centre = (rng.uniform(-0.55, 0.45), rng.uniform(-0.10, 0.40), rng.uniform(-0.80, 0.0))
        radius = rng.uniform(0.09, 0.17)
        level = _GAS if rng.random() < 0.2 else rng.uniform(_FLUID, 130.0)
        tissue[body.ellipsoid(rng, centre, (radius, radius, radius))] = level


def _draw_stomach(rng: np.random.Generator, body: _Body, tissue: Volume) -> None:
    """A wall around fluid, with a bubble of gas in front; the patient lies on the back."""
    stomach = body.ellipsoid(rng, (-0.32, 0.18, 0.16), (0.22, 0.20, 0.30))
    inside = gaussian_filter(stomach.astype(np.float64), 1.0) > 0.75
    tissue[stomach] = rng.uniform(60.0, 100.0)
    tissue[inside] = rng.uniform(_FLUID, 60.0)
    tissue[inside & (np.ix_(*body.axes)[1] > rng.uniform(0.2, 0.32))] = _GAS


def _draw_spleen(rng: np.random.Generator, body: _Body) -> Mask:
    """A crescent at the patient's left, behind: large in some, small in others, hollow towards the middle."""
    large = rng.uniform(0.85, 1.15)
    whole = body.ellipsoid(rng, (-0.50, -0.16, 0.14), (0.21 * large, 0.27 * large, 0.34 * large), jitter=0.06)
    hilum = body.ellipsoid(rng, (-0.50 + 0.30 * large, -0.08, 0.14), (0.16, 0.16, 0.18))
    return whole & ~hilum
