"""dcmqi's converter, from its own package: a reader of segmentations that shares no code with ours."""

import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np

from medgantry.dicom.volume import Volume


def mask_by_dcmqi(path: Path, number: int, volume: Volume, folder: Path) -> np.ndarray:
    """The mask of a segment, put on the image's grid by its affine; (slice, row, column)."""
    program = shutil.which("segimage2itkimage", path=str(Path(sys.executable).parent)) or "segimage2itkimage"
    out = folder / f"dcmqi-{path.stem}"
    out.mkdir(parents=True, exist_ok=True)
    command = [program, "--inputDICOM", str(path), "--outputDirectory", str(out), "--outputType", "nii"]
    subprocess.run(command, check=True, capture_output=True)
    image = nibabel.load(next(found for found in out.iterdir() if found.name.startswith(f"{number}.nii")))
    indices = np.argwhere(np.asanyarray(image.dataobj) > 0)
    to_voxel = np.linalg.inv(volume.grid.nifti_affine) @ image.affine
    placed = np.round(indices @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(int)
    mask = np.zeros(volume.grid.shape, bool)
    mask[placed[:, 2], placed[:, 1], placed[:, 0]] = True
    return mask
