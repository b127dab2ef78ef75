"""B2: 160 uncompressed slices to a `.nii.gz` file, as ingest does."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dicom2nifti
import nibabel
import numpy as np
import SimpleITK

from benchmarks.dicom_raw import by_dcm2niix
from benchmarks.dicom_subject import read_ours, same, write_subject
from benchmarks.paired import compare
from medgantry.ingest.volumes.convert import write_nifti
from medgantry.ingest.volumes.volume import Volume


def main() -> list[dict[str, Any]]:
    """Three rows; of a program's work the time that passes is measured, of ours then too."""
    with TemporaryDirectory() as name:
        folder, out = Path(name) / "ct", Path(name) / "out"
        out.mkdir()
        truth = write_subject(folder)
        rows = [
            compare(
                "B2 dicom to .nii.gz",
                "dicom2nifti 2.6.2",
                lambda: ours(folder, out / "ours.nii.gz"),
                lambda: dicom2nifti.dicom_series_to_nifti(folder, out / "d2n.nii.gz", reorient_nifti=False),
                runs=3,
            ),
            compare(
                "B2 dicom to .nii.gz",
                "dcm2niix v1.0.20260724 -z i",
                lambda: ours(folder, out / "ours.nii.gz"),
                lambda: by_dcm2niix(folder, out, "i"),
                clock=time.perf_counter,
            ),
            compare(
                "B2 dicom to .nii.gz",
                f"SimpleITK {SimpleITK.__version__}",
                lambda: ours(folder, out / "ours.nii.gz"),
                lambda: by_simpleitk(folder, out / "itk.nii.gz"),
                runs=3,
            ),
        ]
        for path in (out / "ours.nii.gz", out / "itk.nii.gz"):
            same(np.asanyarray(nibabel.load(path).dataobj).transpose(2, 1, 0), truth.voxels)
        sizes = {path.stem.removesuffix(".nii"): path.stat().st_size for path in out.glob("*.nii.gz")}
        return [row | {"bytes": sizes} for row in rows]


def ours(folder: Path, path: Path) -> None:
    """Ours, as ingest writes a volume."""
    volume = read_ours(folder)
    write_nifti(Volume(voxels=volume.voxels.transpose(2, 1, 0), affine=volume.grid.nifti_affine), path)


def by_simpleitk(folder: Path, path: Path) -> None:
    """SimpleITK's series reader and writer."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    SimpleITK.WriteImage(reader.Execute(), str(path))
