"""What labels lose that go back to the source's grid by nearest neighbour, where probabilities go back linearly.

`python -m benchmarks.label_space` measures no time but Dice, by the volume of the object: docs/decisions/0018.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from medgantry.inference.source_grid import to_source_grid

OBJECTS = 20
"""Per grid and size."""
MARGIN_MM = 12.0
GRIDS = {
    "CT of 0.8 x 0.8 x 1.5 mm, network at 1.5 x 1.5 x 2": ((0.8, 0.8, 1.5), (1.5, 1.5, 2.0)),
    "CT of 0.8 x 0.8 x 5 mm, network at 1.5 x 1.5 x 2": ((0.8, 0.8, 5.0), (1.5, 1.5, 2.0)),
    "MR of 1 mm, network at 1.5 x 1.5 x 2": ((1.0, 1.0, 1.0), (1.5, 1.5, 2.0)),
}
SIZES = {"under 5 ml": (4.0, 10.0), "5 to 50 ml": (11.0, 22.0), "50 to 400 ml": (24.0, 44.0)}
"""Radii in mm."""


def main() -> Iterator[dict[str, Any]]:
    """Dice of both ways, per grid and size."""
    rng = np.random.default_rng(0)
    for grid, (source, network) in GRIDS.items():
        for size, radii in SIZES.items():
            found = [_dice(source, network, rng.uniform(*radii), rng) for _ in range(OBJECTS)]
            yield {
                "grid": grid,
                "size": size,
                "median_dice": float(np.median(found)),
                "worst_dice": min(found),
            }


def _dice(
    source_mm: Sequence[float], network_mm: Sequence[float], radius_mm: float, rng: np.random.Generator
) -> float:
    """Of one object, a bumpy ellipsoid whose probability falls off within about two millimetres of its surface."""
    extent = 2 * (radius_mm + MARGIN_MM)
    i, j, k = (int(extent / step) for step in source_mm)
    source, network = np.diag([*source_mm, 1.0]), np.diag([*network_mm, 1.0])
    shape = [round(extent / step) for step in network_mm]
    centre = extent / 2 + rng.uniform(-0.5, 0.5, 3) * network_mm
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    squares = [
        stretch * (axis * step - middle) ** 2
        for axis, step, middle, stretch in zip(axes, network_mm, centre, (1.0, 1.2, 0.85), strict=True)
    ]
    inside_mm = (
        radius_mm - np.sqrt(sum(squares)) + 1.2 * radius_mm * gaussian_filter(rng.normal(size=shape), 2)
    )
    probability = (1 / (1 + np.exp(-inside_mm))).astype(np.float32)
    wanted = to_source_grid(probability[None], network, (i, j, k), source)[0] > 0.5
    labels = (probability > 0.5).astype(np.uint8)
    scale = np.divide(source_mm, network_mm)
    found: NDArray[np.uint8] = affine_transform(
        labels, scale, output_shape=(i, j, k), order=0, mode="nearest"
    )
    return float(2 * (wanted & (found > 0)).sum() / (wanted.sum() + found.sum()))


if __name__ == "__main__":
    for row in main():
        print(json.dumps(row))
