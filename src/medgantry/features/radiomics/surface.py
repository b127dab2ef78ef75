"""Area, volume and diameters of a region's surface, for regions on which pyradiomics takes minutes.

The surface is pyradiomics' own: marching cubes (Lorensen and Cline 1987, doi:10.1145/37402.37422) with vertices in
the middle of the edges between voxels in and out. A cube of eight voxels looks one of 256 ways, so area and volume
are sums over how often each way occurs; what one way contributes is asked of pyradiomics. The farthest two vertices
are corners of the convex hull, so few pairs have to be compared instead of all.
"""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from radiomics import cShape
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]

_CORNERS = list(product((0, 1), repeat=3))
_WAYS = 256
_FEW = 2000
"""Points that are compared all with all."""


def measure(mask: Mask, spacing: Numbers) -> tuple[float, float, list[float]]:
    """Area, volume and diameters.

    Args:
        mask: Region on (z, y, x), with no voxel of it on a border.
        spacing: Of the same axes, mm.

    Returns:
        Surface area, mm²; volume, mm³; the longest diameters, mm: within planes of z, of y, of x, and in space.
    """
    cubes = np.zeros([size - 1 for size in mask.shape], dtype=np.uint8)
    for bit, corner in enumerate(_CORNERS):
        cubes |= mask[tuple(slice(at, at + size) for at, size in zip(corner, cubes.shape, strict=True))] * (
            np.uint8(1 << bit)
        )
    places = np.nonzero((cubes != 0) & (cubes != _WAYS - 1))
    ways = cubes[places]
    counts = np.bincount(ways, minlength=_WAYS)
    volumes, steps = _volumes()
    volume = counts @ volumes
    for axis in range(3):
        # Seen from the first voxel, as pyradiomics does: its surface has holes where voxels meet at an edge only, so
        # its volume depends on that.
        volume += np.bincount(ways, weights=places[axis], minlength=_WAYS) @ steps[axis]
    area = counts @ np.array([_ask(_cube(way), spacing)[0] for way in range(_WAYS)])
    return float(area), float(volume * spacing.prod()), _diameters(_vertices(mask) * spacing)


def _cube(way: int) -> Mask:
    """Eight voxels that look this way."""
    bits = [bool(way >> bit & 1) for bit in range(len(_CORNERS))]
    return np.array(bits).reshape(2, 2, 2)


def _ask(mask: Mask, spacing: Numbers) -> tuple[float, float]:
    area, volume, _ = cShape.calculate_coefficients(np.ascontiguousarray(mask), spacing)
    return area, volume


@cache
def _volumes() -> tuple[Numbers, Numbers]:
    """What each way adds to the volume, in voxels: at the origin, and more for each step along an axis."""
    unit = np.ones(3)
    volumes = np.array([_ask(_cube(way), unit)[1] for way in range(_WAYS)])
    steps = np.zeros((3, _WAYS))
    for axis, way in product(range(3), range(_WAYS)):
        near = np.take(_cube(way), [0], axis=axis)
        before = np.concatenate([near, near], axis=axis)
        both = _ask(np.concatenate([near, _cube(way)], axis=axis), unit)[1]
        steps[axis, way] = both - _ask(before, unit)[1] - volumes[way]
    return volumes, steps


def _vertices(mask: Mask) -> Numbers:
    """Middles of the edges between voxels in and out, in voxels along (z, y, x)."""
    found = []
    for axis in range(3):
        ends = np.stack(np.nonzero(np.diff(mask, axis=axis)), axis=1).astype(float)
        ends[:, axis] += 0.5
        found.append(ends)
    return np.concatenate(found)


def _diameters(vertices: Numbers) -> list[float]:
    return [*(_longest_in_planes(vertices, axis) for axis in range(3)), _farthest(vertices)]


def _longest_in_planes(vertices: Numbers, axis: int) -> float:
    """The longest distance between two vertices with one coordinate in common."""
    ordered = vertices[np.argsort(vertices[:, axis], kind="stable")]
    starts = np.flatnonzero(np.diff(ordered[:, axis])) + 1
    planes = np.split(np.delete(ordered, axis, axis=1), starts)
    bounds = [2 * float(np.hypot(*(plane - (plane.min(0) + plane.max(0)) / 2).T).max()) for plane in planes]
    longest = 0.0
    for index in np.argsort(bounds)[::-1]:
        if bounds[index] <= longest:
            break  # no other plane is large enough
        longest = max(longest, _farthest(planes[index]))
    return longest


def _farthest(points: NDArray[Any]) -> float:
    """The longest distance between two points."""
    if len(points) > _FEW:
        points = points[ConvexHull(points).vertices]
    blocks = np.array_split(points, len(points) // _FEW + 1)
    return max(float(cdist(block, points).max()) for block in blocks)
