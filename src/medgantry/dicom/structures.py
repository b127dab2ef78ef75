"""What segmentations and structure sets have in common: named structures, painted onto an image's grid with proof."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medgantry.dicom.volume import SliceKey, Volume
from medgantry.ledger import Unusable

ALIGNED = "the mask lies on the image's grid"
INSIDE = "the mask lies within the image"
SAME_FRAME = "mask and image share a frame of reference"
REFERS = "the mask refers to the slices it lies on"
TOLERANCE_MM = 0.05
TOLERANCE = 0.1
"""How far a plane may lie from a slice, or a pixel from a voxel: this share of the spacing, at least the above."""


@dataclass(frozen=True, kw_only=True)
class Structure:
    """One segment or region of interest."""

    number: int
    words: Sequence[str]
    """Label, description, meaning and value of its codes: what a rule can match."""


@dataclass(kw_only=True)
class Proof:
    """How well a mask fits its image, gathered while it is painted."""

    planes: int = 0
    """Frames or contours painted."""
    residual_mm: float = 0.0
    """Largest distance of a plane's or a pixel's centre from a voxel's."""
    referred: int = 0
    """Planes whose referenced SOP Instance UID is the slice they lie on."""
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [
            f"{self.planes} planes, at most {self.residual_mm:.4f} mm off",
            f"{self.referred} refer to the slice they lie on",
            *self.notes,
        ]
        return "; ".join(parts)


class Masks(Protocol):
    """An object that holds structures: a DICOM-SEG or an RTSTRUCT."""

    @property
    def structures(self) -> Sequence[Structure]:
        """All structures, in the object's order."""

    @property
    def referenced_series(self) -> Sequence[str]:
        """Series Instance UIDs that the object says it was drawn on; may be empty."""

    @property
    def referenced_instances(self) -> Sequence[str]:
        """SOP Instance UIDs that the object refers to."""

    def paint(self, codes: Mapping[int, int], volume: Volume, out: NDArray[Any]) -> Proof:
        """Or each structure's code into the voxels that it covers.

        Args:
            codes: Structure number -> code; others are left out.
            volume: The image.
            out: (slice, row, column), integers; changed in place.

        Raises:
            Unusable: If the mask does not provably fit the image.
        """


def tolerance_mm(spacing_mm: float) -> float:
    """How far something may lie from its voxel along an axis."""
    return max(TOLERANCE_MM, TOLERANCE * spacing_mm)


def nearest_voxel(points_mm: NDArray[np.float64], volume: Volume, proof: Proof) -> NDArray[np.int64]:
    """Voxel indices (n, 3) of points (n, 3) that should be centres of voxels.

    Raises:
        Unusable: If one is too far from every centre.
    """
    index = volume.grid.index_of(points_mm)
    nearest = np.round(index)
    spacing = np.array(volume.grid.spacing_mm)
    off = np.abs(index - nearest) * spacing
    allowed = np.array([tolerance_mm(step) for step in spacing])
    if not np.isfinite(index).all() or (off > allowed).any():
        raise Unusable(
            ALIGNED,
            f"a plane lies {off.max(axis=0).round(3).tolist()} mm (slice, row, column) off",
            "Make the mask again on this series.",
        )
    proof.residual_mm = max(proof.residual_mm, float(off.max()))
    return nearest.astype(np.int64)


def check_reference(key: SliceKey | None, slice_index: int, volume: Volume, proof: Proof) -> None:
    """Compare the slice a plane lies on with the one it refers to.

    Raises:
        Unusable: If it refers to another.
    """
    if key is None or key not in volume.slices:
        return
    if volume.slices[key] != slice_index:
        raise Unusable(
            REFERS,
            f"a plane lies on slice {slice_index}, and refers to slice {volume.slices[key]}",
            "Make the mask again on this series.",
        )
    proof.referred += 1
