"""How far apart two masks' surfaces are: normalised surface distance (NSD), 95 % Hausdorff distance (HD95).

Sources: Nikolov et al., Clinically applicable segmentation of head and neck anatomy, J Med Internet Res 23
(2021), doi:10.2196/26151 (NSD at a tolerance); Huttenlocher et al., Comparing images using the Hausdorff
distance, IEEE TPAMI 15 (1993). Defined as MONAI 1.6.1 defines them (`compute_surface_dice`,
`compute_hausdorff_distance`): a surface is the set of voxels that are in the mask and have a face neighbour
outside of it, each voxel counts once, and what lies beyond the array is outside.

Edges and distances come from MONAI, once for both measures; it asks a k-d tree of surface voxels. For pairs
of 240 x 240 x 155 voxels (a tumour, an organ, scattered specks, a ragged border) that took 0.1 to 1.2 s and
110 MiB on a core. SciPy's distance transform over the cropped pair took 0.02 to 2.5 s and 16 to 480 MiB,
MONAI's two ready measures one after the other 0.4 to 2.1 s and 200 MiB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from monai.metrics import get_mask_edges, get_surface_distance
from numpy.typing import NDArray

EMPTY_POLICY = "NSD, both empty: 1; one empty: 0. HD95, either empty: undefined, none is given"


@dataclass(frozen=True, kw_only=True)
class SurfaceComparison:
    """What two masks' surfaces have in common."""

    nsd: float
    """Share of both surfaces that lies within the tolerance of the other one, in [0, 1]; 1 is best."""

    hd95_mm: float | None
    """Greater of the two directed 95th percentiles, in mm; None if either mask is empty."""


def compare_surfaces(
    predicted: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    *,
    spacing_mm: Sequence[float],
    tolerance_mm: float,
) -> SurfaceComparison:
    """Compare two masks' surfaces; which mask is which makes no difference.

    Distances are exact to float32, as in MONAI: spacing often comes from a float32 header, and at more
    digits its rounding would decide whether a distance equal to the tolerance is within it.

    Args:
        predicted: (i, j, k) or (i, j).
        reference: Likewise, on the same grid.
        spacing_mm: Distance of neighbouring voxels' centres along each axis, in mm.
        tolerance_mm: Greatest distance that is still agreement, in mm.

    Raises:
        ValueError: If the masks differ in shape, or spacing or tolerance make no sense.
    """
    if predicted.shape != reference.shape:
        raise ValueError(f"Masks must have one shape, got {predicted.shape} and {reference.shape}.")
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (predicted.ndim,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise ValueError(f"spacing_mm must be {predicted.ndim} positive numbers, got {spacing_mm}.")
    if not (np.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise ValueError(f"tolerance_mm must be finite and not negative, got {tolerance_mm}.")
    if not predicted.any() or not reference.any():
        return SurfaceComparison(nsd=float(predicted.any() == reference.any()), hd95_mm=None)
    edges = get_mask_edges(predicted, reference)
    directed = [
        get_surface_distance(one, other, spacing=spacing_mm).astype(np.float32)
        for one, other in (edges, edges[::-1])
    ]
    within = sum(int(np.count_nonzero(distances <= np.float32(tolerance_mm))) for distances in directed)
    return SurfaceComparison(
        nsd=within / sum(distances.size for distances in directed),
        hd95_mm=max(float(np.percentile(distances.astype(np.float64), 95)) for distances in directed),
    )
