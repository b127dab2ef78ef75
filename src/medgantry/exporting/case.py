"""The DICOM objects of one case's prediction."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np
from pydicom import Dataset, dcmread

from medgantry.cohort import File
from medgantry.dicom.export.measurements import make_measurements
from medgantry.dicom.export.segmentation import Algorithm, Segment, make_segmentation
from medgantry.millilitres import voxel_millilitres
from medgantry.storage.files import fetch


def export_case(
    prediction: File,
    dicom: File,
    regions: Mapping[str, Sequence[int]],
    segments: Sequence[Segment],
    algorithm: Algorithm,
    folder: Path,
    *,
    measurements: bool,
) -> list[Path]:
    """Write a case's SEG, and the SR of its volumes when wanted.

    Args:
        prediction: The label map.
        dicom: The tar of the slices that it was made of.
        regions: Region -> codes in the prediction.
        segments: How regions are called.
        algorithm: What predicted.
        folder: Where the objects go.
        measurements: Whether volumes are reported too.

    Raises:
        Mismatch: If the prediction's grid is not its slices'.
    """
    sources = read_slices(fetch(dicom.uri, dicom.sha256, folder, dicom.format))
    image = nibabel.load(fetch(prediction.uri, prediction.sha256, folder, prediction.format))
    labels = np.asanyarray(image.dataobj).transpose(2, 1, 0)
    masks = {segment.region: np.isin(labels, list(regions[segment.region])) for segment in segments}
    written = {"seg.dcm": make_segmentation(sources, masks, segments, algorithm, image.affine)}
    if measurements:
        millilitres = voxel_millilitres(image.affine)
        volumes = {name: float(mask.sum()) * millilitres for name, mask in masks.items()}
        written["sr.dcm"] = make_measurements(written["seg.dcm"], sources, segments, volumes, algorithm)
    for name, dataset in written.items():
        dataset.save_as(folder / name)
    return [folder / name for name in written]


def read_slices(archive: Path) -> list[Dataset]:
    """The slices of a case, in their order, from the tar that ingest packed."""
    with tarfile.open(archive) as opened:
        members = sorted(member.name for member in opened if member.name.startswith("slice-"))
        streams = (opened.extractfile(name) for name in members)
        return [dcmread(io.BytesIO(stream.read()), stop_before_pixels=True) for stream in streams if stream]
