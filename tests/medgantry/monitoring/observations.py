"""Observations drawn from a hospital that is made up."""

import numpy as np

from medgantry.monitoring.observation import Observation

CLASSES = ("nevus", "melanoma", "keratosis")


def draw(
    rng: np.random.Generator,
    count: int,
    *,
    shift: float = 0.0,
    scale: float = 1.0,
    spacings: tuple[float, ...] = (0.7, 0.7, 0.8, 1.0),
    shares: tuple[float, ...] = (0.7, 0.2, 0.1),
) -> list[Observation]:
    """Cases whose intensities hang together, with spacings and sizes of few values.

    Args:
        rng: Of the draw.
        count: Cases.
        shift: Added to all intensities; one standard deviation of a case is 100.
        scale: Factor of all intensities.
        spacings: Of the scanners, equally often.
        shares: Of the classes.
    """
    return [_case(rng, shift, scale, spacings, shares) for _ in range(count)]


def _case(
    rng: np.random.Generator,
    shift: float,
    scale: float,
    spacings: tuple[float, ...],
    shares: tuple[float, ...],
) -> Observation:
    level = rng.normal(1000, 90)
    spread = rng.gamma(20, 10)
    inputs = {
        f"{channel} intensity at {z}": scale * (level + z * spread + rng.normal(0, 30)) + shift
        for channel in ("FLAIR", "T1w")
        for z in (-2, -1, 0, 1, 2)
    }
    inputs |= {f"{channel} spacing": float(rng.choice(spacings)) for channel in ("FLAIR", "T1w")}
    inputs |= {"size": float(rng.choice([256, 512])), "share not finite": 0.0}
    volumes = {"lesion": float(rng.lognormal(2, 1)), "core": float(rng.poisson(3))}
    return Observation.of(inputs, volumes, str(rng.choice(CLASSES, p=shares)))
