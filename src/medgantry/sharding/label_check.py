"""Whether a bundle's label means what the cohort's label means.

A bundle of others makes its label channels from codes that it knows by heart: one made for BraTS's codes gives an empty
enhancing tumour, and edema for core, on the codes of the Decathlon. That trains without an error.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np
import torch

from medgantry.errors import Mismatch
from medgantry.millilitres import voxel_millilitres

_LEAST_VOXELS = 100
"""Of a region in the source, below which resampling may make it vanish."""
_LARGEST_RATIO = 2.0
"""Of volumes: resampling changes them by less; a crop only makes them smaller."""


def check_label(
    label: torch.Tensor, source: Path, outputs: Sequence[str], regions: Mapping[str, Sequence[int]]
) -> None:
    """Compare the volume of every region before and after a bundle's transforms.

    Args:
        label: What the transforms made, (channels, i, j, k), with its affine if it has one.
        source: The case's label map.
        outputs: Names of the channels.
        regions: Name -> codes in the label map.

    Raises:
        Mismatch: Naming the region and both volumes.
    """
    affine = getattr(label, "affine", None)
    if affine is None or len(label) != len(outputs):
        return
    image = nibabel.load(source)
    codes = np.asanyarray(image.dataobj)
    voxel_ml = voxel_millilitres(image.affine)
    made_ml = voxel_millilitres(np.asarray(affine, dtype=np.float64))
    for index, name in enumerate(outputs):
        if name not in regions:
            continue
        voxels = int(np.isin(codes, list(regions[name])).sum())
        found = int((torch.as_tensor(label[index]) > 0).sum()) * made_ml
        if (voxels >= _LEAST_VOXELS and not found) or found > _LARGEST_RATIO * max(
            voxels, _LEAST_VOXELS
        ) * voxel_ml:
            raise Mismatch(
                f"The bundle's label has {found:.1f} ml of {name}, the cohort {voxels * voxel_ml:.1f} ml.",
                "The bundle reads other label codes than the source has: write the source's labels with the codes that "
                "the bundle's label transform expects.",
            )
