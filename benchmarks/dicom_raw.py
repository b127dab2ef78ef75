"""B1: 160 uncompressed slices to an array, and to a `.nii` file."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dicom2nifti
import nibabel
import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray
from pydicom.pixels import apply_modality_lut

from benchmarks.dicom_subject import read_ours, same, write_subject
from benchmarks.paired import compare
from medgantry.ingest.volumes.convert import nifti_bytes
from medgantry.ingest.volumes.volume import Volume

DCM2NIIX = Path(sys.executable).with_name("dcm2niix")


def main() -> list[dict[str, Any]]:
    """Four rows."""
    with TemporaryDirectory() as name:
        folder, out = Path(name) / "ct", Path(name) / "out"
        out.mkdir()
        truth = write_subject(folder)
        volume = read_ours(folder)
        same(volume.voxels, truth.voxels)
        same(by_pydicom(folder), truth.voxels)
        same(by_simpleitk(folder), truth.voxels)
        dicom2nifti.dicom_series_to_nifti(folder, out / "d2n.nii", reorient_nifti=False)
        rows = [
            compare(
                "B1 dicom-raw to array",
                f"pydicom {pydicom.__version__} loop",
                lambda: read_ours(folder),
                lambda: by_pydicom(folder),
            ),
            compare(
                "B1 dicom-raw to array",
                f"SimpleITK {SimpleITK.__version__}",
                lambda: read_ours(folder),
                lambda: by_simpleitk(folder),
            ),
            compare(
                "B1 dicom-raw to .nii",
                "dicom2nifti 2.6.2",
                lambda: to_nifti(folder, out / "ours.nii"),
                lambda: dicom2nifti.dicom_series_to_nifti(folder, out / "d2n.nii", reorient_nifti=False),
            ),
            compare(
                "B1 dicom-raw to .nii",
                "dcm2niix v1.0.20260724 -z n",
                lambda: to_nifti(folder, out / "ours.nii"),
                lambda: by_dcm2niix(folder, out, "n"),
                clock=time.perf_counter,
            ),
        ]
        written = np.asanyarray(nibabel.load(out / "ours.nii").dataobj)
        same(written.transpose(2, 1, 0), truth.voxels)
        theirs = np.asanyarray(nibabel.load(next(out.glob("dcm2niix*.nii"))).dataobj)
        same(theirs.transpose(2, 1, 0)[:, ::-1], truth.voxels)  # it turns the rows round
        return rows


def by_pydicom(folder: Path) -> NDArray[Any]:
    """What a script does: read, sort, rescale, stack."""
    datasets = sorted(
        map(pydicom.dcmread, folder.iterdir()), key=lambda one: float(one.ImagePositionPatient[2])
    )
    return np.stack([apply_modality_lut(one.pixel_array, one) for one in datasets])


def by_simpleitk(folder: Path) -> NDArray[Any]:
    """SimpleITK's series reader."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return SimpleITK.GetArrayFromImage(reader.Execute())


def by_dcm2niix(folder: Path, out: Path, compression: str) -> None:
    """dcm2niix, as a program; with the series' own file name, replaced."""
    command = [
        str(DCM2NIIX),
        "-z",
        compression,
        "-b",
        "n",
        "-w",
        "1",
        "-f",
        "dcm2niix",
        "-o",
        str(out),
        str(folder),
    ]
    subprocess.run(command, check=True, capture_output=True)


def to_nifti(folder: Path, path: Path) -> None:
    """Ours, to an uncompressed file."""
    volume = read_ours(folder)
    header, voxels = nifti_bytes(
        Volume(voxels=volume.voxels.transpose(2, 1, 0), affine=volume.grid.nifti_affine)
    )
    with path.open("wb", buffering=0) as stream:
        stream.write(header)
        stream.write(voxels)
