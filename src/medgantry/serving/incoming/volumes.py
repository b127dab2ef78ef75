"""Volumes in requests: NIfTI files, DICOM series and tensors, as the files that inference reads."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from medgantry.cohort import File
from medgantry.dicom.header import read_dataset, read_header
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import read_volume
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_file
from medgantry.ingest.nifti_facts import check_geometry, read_facts
from medgantry.ingest.volumes.convert import nifti_bytes
from medgantry.ingest.volumes.volume import Volume
from medgantry.ledger import Unusable
from medgantry.monitoring.case_statistics import CaseStatistics, ChannelStatistics, volume_statistics
from medgantry.serving.exchange import Given
from medgantry.serving.incoming.content import Content, Receiver
from medgantry.serving.refusals import TooLarge


@dataclass(frozen=True, kw_only=True)
class Received:
    """One image of a request."""

    file: File
    """As a cohort's row; its content lies in scratch space under its hash."""
    slices: Sequence[Dataset] = ()
    """Of a DICOM series, without pixels, in the volume's order along its third axis."""


def receive_volume(given: Given, receiver: Receiver, folder: Path) -> Received:
    """Bring one input's volume to a file `<sha256>.nii`.

    Args:
        given: A file, a reference, or a tensor (i, j, k) with the parameter `affine`: 16 numbers as JSON text, row by row,
            voxel index -> RAS+ mm. The parameter `channel_index` chooses a channel of a 4-D file.
        receiver: That brings it.
        folder: Scratch space of the request.

    Raises:
        InvalidInput: If it is no volume, or is broken.
        TooLarge: If it is above a limit.
    """
    item = given.single()
    apart = folder / f"input-{hash_name(given.name)}"
    slices: Sequence[Dataset] = ()
    if isinstance(item, np.ndarray):
        path = _from_tensor(item, given, apart, receiver)
    else:
        try:
            path, slices = _from_content(receiver.receive(item, apart), apart, receiver)
        except Unusable as verdict:
            raise InvalidInput(f"{verdict.rule}: {verdict.evidence}.", verdict.remedy) from verdict
    sha256 = hash_file(path)
    target = folder / f"{sha256}.nii"
    if not target.exists():
        path.rename(target)
    channel_index = int(given.parameters.get("channel_index", -1))
    image = nibabel.load(target)
    if image.ndim == 4 and not -1 <= channel_index < image.shape[3]:
        raise InvalidInput(f"{given.name} asks for channel {channel_index} of {image.shape[3]}.")
    file = File(
        case_id="request",
        role="image",
        channel=given.name,
        channel_index=channel_index,
        uri=str(target),
        format="nii",
        sha256=sha256,
        shape=[int(size) for size in image.shape],
        spacing_mm=[float(size) for size in image.header.get_zooms()[:3]],
        orientation="".join(nibabel.aff2axcodes(image.affine)),
    )
    return Received(file=file, slices=slices)


def observe(received: Sequence[Received]) -> dict[str, Any]:
    """What the request log may know of volumes: hashes and statistics."""
    channels: dict[str, ChannelStatistics] = {}
    for each in received:
        channels |= volume_statistics(Path(each.file.uri), {each.file.channel: each.file.channel_index})
    return {
        "inputs": [each.file.sha256 for each in received],
        "statistics": CaseStatistics(channels=channels),
    }


def hash_name(name: str) -> str:
    """A name of a client's as a file name."""
    return name.encode().hex()[:64]


def _from_content(content: Content, folder: Path, receiver: Receiver) -> tuple[Path, Sequence[Dataset]]:
    if content.kind == "nifti":
        _check_size(nibabel.load(content.path).shape, receiver)
        read_facts(content.path)
        return content.path, ()
    if content.kind == "dicom":
        return _from_series(content.path, folder / "series.nii", receiver)
    raise InvalidInput("A volume was wanted, found a photo.", "Send a NIfTI file or a DICOM series.")


def _from_series(folder: Path, target: Path, receiver: Receiver) -> tuple[Path, Sequence[Dataset]]:
    """The only stack of the only series of images, as ingest makes a volume of it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("._"))
    headers = [header for header in map(read_header, files) if header.text("Rows")]  # reports have none
    series = group_series(headers)
    if len(series) != 1:
        raise InvalidInput(f"One series of images was wanted, found {len(series)}.", "Send each alone.")
    stack = series[0].stacks()[0]
    _check_size((len(stack), stack[0].pixels.rows, stack[0].pixels.columns), receiver)
    volume = read_volume(stack, modality=series[0].modality)
    placed = Volume(voxels=volume.voxels.transpose(2, 1, 0), affine=volume.grid.nifti_affine)
    with target.open("wb") as stream:
        stream.writelines(nifti_bytes(placed))
    ordered = sorted(stack, key=lambda frame: volume.slices.get((frame.sop_instance_uid, frame.index), -1))
    paths = dict.fromkeys(frame.path for frame in ordered)
    return target, [read_dataset(path, pixels=False) for path in paths]


def _from_tensor(voxels: NDArray[Any], given: Given, folder: Path, receiver: Receiver) -> Path:
    affine = _affine(given.name, given.parameters)
    try:
        check_geometry(given.name, voxels.shape, affine)
    except Unusable as verdict:
        raise InvalidInput(f"{verdict.rule}: {verdict.evidence}.", verdict.remedy) from verdict
    _check_size(voxels.shape, receiver)
    if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
        raise InvalidInput(f"{given.name} holds numbers that are not finite.")
    if voxels.dtype.kind not in "iuf" or voxels.dtype.itemsize > 4:
        raise InvalidInput(
            f"{given.name} is of datatype {voxels.dtype}.",
            "Send INT16, UINT8, FP32 or another of up to 32 bits.",
        )
    folder.mkdir(parents=True)
    path = folder / "tensor.nii"
    nibabel.save(nibabel.Nifti1Image(np.asarray(voxels), affine), path)
    return path


def _affine(name: str, parameters: Mapping[str, Any]) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(json.loads(str(parameters["affine"])), dtype=np.float64).reshape(4, 4)
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"The tensor {name} must say where its voxels are.",
            "Give the parameter affine: 16 numbers as JSON text, voxel index to mm (right, anterior, superior), "
            "row by row.",
        ) from error
    return numbers


def _check_size(shape: Sequence[int], receiver: Receiver) -> None:
    """Before memory is taken for what a header claims."""
    voxels, most = math.prod(int(length) for length in shape), receiver.limits.megavoxels
    if voxels > most * 1_000_000:
        raise TooLarge(f"A volume of {tuple(shape)} voxels came, at most {most} million are taken.")
