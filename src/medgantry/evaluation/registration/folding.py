"""How regular a displacement field is: where it folds space, and how unevenly it grows and shrinks it.

Both come from the Jacobian determinant of x -> x + u(x), by central differences of u in voxels; it is 1 where
volume is kept and not positive where space folds. As in Learn2Reg, voxels less than two from the border are
left out.

Sources: Leow et al., Statistical properties of Jacobian maps and the realization of unbiased
large-deformation nonlinear image registration, IEEE TMI 26 (2007); Hering et al., Learn2Reg, IEEE TMI 42
(2023), doi:10.1109/TMI.2022.3213983, and its script (github.com/MDL-UzL/L2R, evaluation/evaluation.py).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MARGIN = 2


@dataclass(frozen=True, kw_only=True)
class Regularity:
    """What a displacement field does to space."""

    folded_share: float
    """Share of voxels whose determinant is not positive, in [0, 1]; 0 is best."""

    sd_log_jacobian: float
    """Standard deviation of ln(determinant + 3), as Learn2Reg computes it.

    Its script adds 3 and clips to [1e-9, 1e9] before the logarithm, so a fold is nothing special in it.
    (It also counts folds, but after the clip: that count is always 0.)
    """


def regularity(
    displacement_voxels: NDArray[np.floating], mask: NDArray[np.bool_] | None = None
) -> Regularity:
    """Judge a displacement field, where a mask says so or everywhere.

    Args:
        displacement_voxels: (3, i, j, k), in voxels along i, j and k, as MONAI's `Warp` takes it.
        mask: (i, j, k), the voxels to count; all when None.

    Raises:
        ValueError: If shapes do not fit, a displacement is not finite, or no voxel is left to count.
    """
    determinant = jacobian_determinant(displacement_voxels)
    if mask is not None:
        if mask.shape != displacement_voxels.shape[1:]:
            raise ValueError(
                f"The mask must be {displacement_voxels.shape[1:]} as the field, got {mask.shape}."
            )
        determinant = determinant[mask[(slice(_MARGIN, -_MARGIN),) * 3]]
    if determinant.size == 0:
        raise ValueError(
            f"No voxel of the mask is {_MARGIN} or more from the border; give a wider mask or None."
        )
    if not np.isfinite(determinant).all():
        raise ValueError("Displacements must be finite numbers; some are not.")
    return Regularity(
        folded_share=float(np.mean(determinant <= 0)),
        sd_log_jacobian=float(np.log((determinant + 3).clip(1e-9, 1e9)).std()),
    )


def jacobian_determinant(displacement_voxels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Jacobian determinant of x -> x + u(x) at every voxel that is at least two from the border.

    Args:
        displacement_voxels: (3, i, j, k), in voxels.

    Returns:
        (i - 4, j - 4, k - 4).

    Raises:
        ValueError: If the field has another shape, or less than five voxels along an axis.
    """
    shape = displacement_voxels.shape
    if len(shape) != 4 or shape[0] != 3 or min(shape[1:]) <= 2 * _MARGIN:
        raise ValueError(
            f"A displacement field must be (3, i, j, k) with 5 or more voxels each, got {shape}."
        )
    # Plane by plane: the nine derivatives of a chest CT would take a gigabyte.
    return np.stack(
        [
            _of_plane(displacement_voxels[:, index - 1 : index + 2].astype(np.float64))
            for index in range(_MARGIN, shape[1] - _MARGIN)
        ]
    )


def _of_plane(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Determinants in the middle one of three planes, (3, 3, j, k)."""
    inner, middle = slice(_MARGIN, -_MARGIN), planes[:, 1]
    before, after = slice(_MARGIN - 1, -_MARGIN - 1), slice(_MARGIN + 1, 1 - _MARGIN)
    along_i = (planes[:, 2, inner, inner] - planes[:, 0, inner, inner]) / 2
    along_j = (middle[:, after, inner] - middle[:, before, inner]) / 2
    along_k = (middle[:, inner, after] - middle[:, inner, before]) / 2
    for axis, derivative in enumerate((along_i, along_j, along_k)):
        derivative[axis] += 1
    value: NDArray[np.float64] = (along_i * np.cross(along_j, along_k, axis=0)).sum(axis=0)
    return value
