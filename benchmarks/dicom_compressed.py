"""B3: 40 compressed slices to an array, with two cores."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
import pydicom

from benchmarks.dicom_raw import by_dcm2niix, by_pydicom
from benchmarks.dicom_subject import read_ours, same, write_subject
from benchmarks.paired import compare
from medgantry.dicom.values import decoders

SYNTAXES = {"JPEG 2000": "1.2.840.10008.1.2.4.90", "JPEG-LS": "1.2.840.10008.1.2.4.80"}
SLICES = 40


def main() -> list[dict[str, Any]]:
    """Four rows of wall time; the processes that decode are started once, as in a task of many series."""
    rows = []
    workers = min(2, os.cpu_count() or 1)
    with decoders(workers):
        for syntax, uid in SYNTAXES.items():
            with TemporaryDirectory() as name:
                folder, out = Path(name) / "ct", Path(name) / "out"
                out.mkdir()
                truth = write_subject(folder, uid, SLICES)
                same(read_ours(folder, workers).voxels, truth.voxels)
                same(by_pydicom(folder), truth.voxels)
                for peer, work in (
                    (
                        f"pydicom {pydicom.__version__}, its default decoder",
                        lambda folder=folder: by_pydicom(folder),
                    ),
                    (
                        "dcm2niix v1.0.20260724 -z n",
                        lambda folder=folder, out=out: by_dcm2niix(folder, out, "n"),
                    ),
                ):
                    rows.append(
                        compare(
                            f"B3 dicom-compressed, {syntax}",
                            peer,
                            lambda folder=folder: read_ours(folder, workers),
                            work,
                            clock=time.perf_counter,
                            runs=5,
                        )
                    )
                theirs = np.asanyarray(nibabel.load(next(out.glob("dcm2niix*.nii"))).dataobj)
                same(theirs.transpose(2, 1, 0)[:, ::-1], truth.voxels)
    return rows
