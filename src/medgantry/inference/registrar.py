"""`Registrar`: a trained registration bundle applied to source volumes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from nibabel.nifti1 import intent_codes
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle, InvalidInput
from medgantry.inference.loaded_network import LoadedNetwork
from medgantry.inference.source_grid import to_source_grid
from medgantry.registration import warp
from medgantry.stages import stage

Volume = NDArray[np.floating[Any]]
_SAME_GRID_MM = 1e-2


@dataclass(frozen=True, kw_only=True)
class Displacement:
    """Where every voxel of a fixed image is to be found in the moving image, which lies on the same grid."""

    voxels: NDArray[np.float32]
    """(3, i, j, k), in voxels of the grid along i, j and k: the warped image at x is the moving image at x + u(x)."""
    affine: NDArray[np.float64]
    """(4, 4), of the grid: voxel index -> RAS+ mm."""

    @property
    def millimetres(self) -> NDArray[np.float32]:
        """(3, i, j, k), the same in mm to the right, anterior, superior."""
        vectors: NDArray[np.float32] = np.einsum("wv,vijk->wijk", self.affine[:3, :3], self.voxels).astype(
            np.float32
        )
        return vectors

    def warp(self, moving: NDArray[Any], *, nearest: bool = False) -> NDArray[np.float32]:
        """What a volume on the moving image's grid looks like on the fixed one's.

        Args:
            moving: (i, j, k).
            nearest: For masks and label maps; else linear.
        """
        volume = torch.as_tensor(np.asarray(moving, dtype=np.float32))[None, None]
        field = torch.as_tensor(self.voxels)[None]
        return np.asarray(warp(volume, field, nearest=nearest)[0, 0].numpy())

    def save(self, path: Path) -> None:
        """Write as NIfTI: (i, j, k, 1, 3), mm in RAS+, intent `displacement vector`.

        ITK 5.3 and later, and with it SimpleITK, read that as a displacement field, turned into their LPS.
        """
        vectors = np.moveaxis(self.millimetres, 0, -1)[..., None, :]
        image = nibabel.Nifti1Image(vectors, self.affine)
        image.header.set_intent(intent_codes["NIFTI_INTENT_DISPVECT"], name="fixed to moving")
        image.header.set_xyzt_units("mm")
        nibabel.save(image, path)

    @classmethod
    def load(cls, path: Path) -> "Displacement":
        """Read what `save` wrote."""
        image = nibabel.load(path)
        vectors = np.moveaxis(np.asarray(image.dataobj, dtype=np.float64)[..., 0, :], -1, 0)
        voxels = np.einsum("vw,wijk->vijk", np.linalg.inv(image.affine[:3, :3]), vectors)
        return cls(voxels=voxels.astype(np.float32), affine=image.affine)


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A pair, registered."""

    displacement: Displacement
    warped: NDArray[np.float32]
    """(i, j, k), the moving image on the fixed image's grid, in its own units."""

    def save(self, displacement: Path, warped: Path) -> None:
        """Write both as NIfTI on the fixed image's grid."""
        self.displacement.save(displacement)
        nibabel.save(nibabel.Nifti1Image(self.warped, self.displacement.affine), warped)


class Registrar:
    """A bundle ready to register.

    Args:
        bundle: With weights.
    """

    def __init__(self, bundle: Bundle) -> None:
        if bundle.task != "registration":
            raise InvalidBundle(f"{bundle.folder.name} is for {bundle.task}, not for registration.")
        self.bundle = bundle
        self._loaded = LoadedNetwork(bundle)

    def predict_case(self, item: Mapping[str, Path]) -> Registration:
        """Register one pair.

        Args:
            item: `fixed` and `moving`: files on one grid; more keys do not matter.

        Returns:
            The displacement and the warped image, on the grid of the files.

        Raises:
            InvalidInput: If the files do not lie on one grid, or the network's output is no finite displacement.
        """
        fixed, moving = nibabel.load(item["fixed"]), nibabel.load(item["moving"])
        _check_grid(fixed, moving)
        image = self._loaded.prepare_item({"fixed": item["fixed"], "moving": item["moving"]})
        if not hasattr(image, "affine"):
            raise InvalidBundle("The bundle's preprocessing drops the affine.", "Remove ToTensord from it.")
        found = self._loaded.logits(image).numpy()
        if found.shape != (3, *image.shape[1:]) or not np.isfinite(found).all():
            raise InvalidInput(
                f"The network must give finite displacements {(3, *image.shape[1:])}, it gave {found.shape}."
            )
        with stage("inverse"):
            affine = np.asarray(image.affine, dtype=np.float64)
            displacement = Displacement(voxels=_on_source(found, affine, fixed), affine=fixed.affine)
            voxels = np.asarray(moving.dataobj, dtype=np.float32)
            return Registration(displacement=displacement, warped=displacement.warp(voxels))


def _on_source(
    found: NDArray[np.float32], affine: NDArray[np.float64], fixed: nibabel.Nifti1Image
) -> NDArray[np.float32]:
    """Displacements on the network's grid, in its voxels, as displacements on the source grid, in those."""
    turned = np.linalg.inv(fixed.affine[:3, :3]) @ affine[:3, :3]
    vectors = np.einsum("sn,nxyz->sxyz", turned, found).astype(np.float32)
    return to_source_grid(vectors, affine, fixed.shape, fixed.affine)


def _check_grid(fixed: nibabel.Nifti1Image, moving: nibabel.Nifti1Image) -> None:
    if fixed.ndim != 3 or fixed.shape != moving.shape:
        raise InvalidInput(
            f"Fixed and moving image must be volumes of one shape, got {fixed.shape} and {moving.shape}.",
            "Resample the moving image to the fixed one's grid.",
        )
    apart = float(np.abs(fixed.affine - moving.affine).max())
    if apart > _SAME_GRID_MM:
        raise InvalidInput(
            f"Fixed and moving image must lie on one grid; their affines differ by {apart:.3f}.",
            "Resample the moving image to the fixed one's grid.",
        )
