"""Target registration error (TRE): distance of landmarks from where the registration puts them, in mm.

Source: Fitzpatrick, West, Maurer, Predicting error in rigid-body point-based registration, IEEE TMI 17
(1998). Directions and units are those of Learn2Reg (Hering et al., IEEE TMI 42 (2023),
doi:10.1109/TMI.2022.3213983) and of MONAI's `Warp`: the warped image at fixed voxel x is the moving image at
x + u(x), u counted in voxels of the fixed grid. Learn2Reg's own script interpolates u cubically; here it is
linear, as `Warp` takes an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates


@dataclass(frozen=True, kw_only=True, eq=False)
class LandmarkErrors:
    """Distances of corresponding landmarks, in mm, in the order in which they were given."""

    before_mm: NDArray[np.float64]
    """Without registration: the displacement is nowhere other than 0."""

    after_mm: NDArray[np.float64]
    """With the registration's displacement."""

    @property
    def mean_before_mm(self) -> float:
        """The case's value without registration."""
        return float(self.before_mm.mean())

    @property
    def mean_after_mm(self) -> float:
        """The case's value: a case counts once, however many landmarks it has."""
        return float(self.after_mm.mean())


def landmark_errors(
    fixed_voxels: NDArray[np.floating],
    moving_voxels: NDArray[np.floating],
    displacement_voxels: NDArray[np.floating],
    *,
    spacing_mm: Sequence[float],
) -> LandmarkErrors:
    """Move the fixed image's landmarks by a displacement field and compare them with the moving image's.

    Between voxel centres the field is linear; from the outermost centres to the border, half a voxel, it is
    constant.

    Args:
        fixed_voxels: (landmark, 3), places in the fixed image; 0, 0, 0 is the centre of its first voxel.
        moving_voxels: (landmark, 3), the same places of the body in the moving image, on the same grid.
        displacement_voxels: (3, i, j, k), what to add to a fixed voxel's indices to get to the moving image.
        spacing_mm: Distance of neighbouring voxels' centres along i, j and k, in mm.

    Raises:
        ValueError: If there are no landmarks, shapes do not fit, a value is not finite, or fixed landmarks
            lie outside of the grid.
    """
    fixed, moving = np.asarray(fixed_voxels, dtype=np.float64), np.asarray(moving_voxels, dtype=np.float64)
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if fixed.ndim != 2 or fixed.shape[1] != 3 or len(fixed) == 0 or moving.shape != fixed.shape:
        raise ValueError(
            f"Landmarks must be two arrays of one shape (landmark, 3), got {fixed.shape} and {moving.shape}."
        )
    if displacement_voxels.ndim != 4 or displacement_voxels.shape[0] != 3:
        raise ValueError(f"A displacement field must be (3, i, j, k), got {displacement_voxels.shape}.")
    if spacing.shape != (3,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise ValueError(f"spacing_mm must be 3 positive numbers, got {spacing_mm}.")
    _check_inside(fixed, displacement_voxels.shape[1:])
    moved = fixed + np.stack(
        [
            map_coordinates(component, fixed.T, output=np.float64, order=1, mode="nearest")
            for component in displacement_voxels
        ],
        axis=1,
    )
    errors = LandmarkErrors(
        before_mm=np.linalg.norm((fixed - moving) * spacing, axis=1),
        after_mm=np.linalg.norm((moved - moving) * spacing, axis=1),
    )
    if not (np.isfinite(errors.before_mm) & np.isfinite(errors.after_mm)).all():
        raise ValueError("Landmarks and displacements must be finite numbers; some are not.")
    return errors


def _check_inside(fixed: NDArray[np.float64], grid: Sequence[int]) -> None:
    # A voxel reaches half a voxel beyond its centre: a landmark there is still in the image.
    outside = np.flatnonzero(~((fixed >= -0.5) & (fixed <= np.array(grid) - 0.5)).all(axis=1))
    if outside.size:
        places = [f"{index} at {tuple(fixed[index].tolist())}" for index in outside[:5]]
        more = f" and {outside.size - 5} more" if outside.size > 5 else ""
        raise ValueError(
            f"Fixed landmarks must lie on the grid of {tuple(grid)} voxels, these do not: "
            f"{', '.join(places)}{more}. Check that they are in voxels, not mm."
        )
