"""Reading through SimpleITK, after the header was compared with the file."""

from pathlib import Path

import numpy as np

from medgantry.ingest.volumes.volume import Volume
from medgantry.ledger import Unusable

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def read_itk(path: Path, reader: str, promised: int) -> Volume:
    """Read a volume of three axes, with one number or several in each voxel.

    Args:
        path: The file, or its header.
        reader: ITK's name of the format.
        promised: Bytes of all voxels by our reading of the header.

    Raises:
        Unusable: If the file has another number of axes, or ITK understood its header otherwise than we did.
    """
    import SimpleITK  # takes 0.3 s, which ingest of NIfTI need not wait for

    image = SimpleITK.ReadImage(str(path), imageIO=reader)
    if image.GetDimension() != 3:
        raise Unusable(
            "a volume has three axes, beside its channels",
            f"{path.name} has {image.GetDimension()}",
            "Convert it to a volume; channels are a vector in each voxel.",
        )
    voxels = SimpleITK.GetArrayFromImage(image)
    if voxels.nbytes != promised:
        raise Unusable(
            "the header says plainly what the file holds",
            f"{path.name}: {voxels.nbytes} bytes were read, {promised} were promised",
            "Export it again.",
        )
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = _LPS_TO_RAS @ direction @ np.diag(image.GetSpacing())
    affine[:3, 3] = _LPS_TO_RAS @ np.array(image.GetOrigin())
    axes = (2, 1, 0, 3)[: voxels.ndim]  # ITK's arrays have the slowest axis first and channels last
    return Volume(voxels=voxels.transpose(axes), affine=affine)
