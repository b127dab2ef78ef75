"""A synthetic series of CT, MR or PET images, and the volume it stands for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import config, dcmwrite
from pydicom.dataset import Dataset

from medgantry.errors import InvalidInput
from medgantry.phantoms.dicom.anatomy import PALETTES, Body, is_inside, make_body
from medgantry.phantoms.dicom.headers import SOP_CLASSES, add_slice, start_dataset
from medgantry.phantoms.dicom.pixels import PixelFormat, set_pixels
from medgantry.phantoms.dicom.spec import SeriesSpec

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """A series and its truth.

    Attributes:
        spec: What it was made from.
        datasets: One per slice, in the order of the slices along the normal, whatever InstanceNumber says.
        voxels: (slice along the normal, row, column) rescaled values, in the modality's unit.
        stored: (slice, row, column) the same before rescaling.
        affine: (4, 4) from voxel indices (slice, row, column, 1) to LPS millimetres.
        padding: (slice, row, column) where the voxels are padding, not measured.
        body: The noiseless values at any point of space.
    """

    spec: SeriesSpec
    datasets: list[Dataset]
    voxels: Volume
    stored: NDArray[np.int64]
    affine: NDArray[np.float64]
    padding: Mask
    body: Body

    @property
    def lesion_masks(self) -> list[Mask]:
        """Masks (slice, row, column) of spec.lesions: voxels whose centre is inside."""
        local = self.body.coordinates(self.spec.points_mm)
        return [is_inside(local, lesion) for lesion in self.spec.lesions]


def make_series(spec: SeriesSpec, body: Body | None = None) -> Series:
    """Make the data sets of a series together with the volume they hold.

    Args:
        spec: What the series is like.
        body: What is in the scanner; None draws one that fills the volume, the same for all series of a
            study that cover the same volume.

    Raises:
        InvalidInput: The settings make no sense.
    """
    _check(spec)
    if body is None:
        body = _draw_body(spec)
    values = body.values(spec.points_mm)
    if spec.noise:
        values += _rng(spec, spec.series_number).normal(0.0, body.palette.noise, size=values.shape)
    slopes = spec.slopes[:, None, None]
    stored = np.rint((values - spec.intercept) / slopes).astype(np.int64)
    stored = np.clip(stored, spec.pixels.lowest, spec.pixels.highest)
    padding = _outside_field_of_view(spec)
    if spec.padding_value is not None:
        stored[padding] = spec.padding_value
    return Series(
        spec=spec,
        datasets=[_dataset(spec, index, stored[index]) for index in range(spec.slices)],
        voxels=(stored * slopes + spec.intercept).astype(np.float32),
        stored=stored,
        affine=spec.affine,
        padding=padding,
        body=body,
    )


def mr_spec(spec: SeriesSpec) -> SeriesSpec:
    """Return the settings changed to MR: unsigned, 12 bits, no rescaling."""
    return replace(
        spec, modality="MR", image_type=("ORIGINAL", "PRIMARY", "M", "SE"), rescale_slope=None,
        pixels=PixelFormat(bits_stored=12, high_bit=11, signed=False), series_description="AX T1 SE",
    )  # fmt: skip


def pet_spec(spec: SeriesSpec) -> SeriesSpec:
    """Return the settings changed to PET in Bq/ml: signed, and each slice has a slope of its own."""
    slopes = _rng(spec, spec.series_number, "slopes").uniform(1.0, 3.0, size=spec.slices).round(6)
    return replace(
        spec, modality="PT", image_type=("ORIGINAL", "PRIMARY"), rescale_slope=tuple(slopes.tolist()),
        rescale_intercept=0.0, series_description="PET AC",
    )  # fmt: skip


def write_series(series: Series, folder: Path) -> list[Path]:
    """Write a series and return its files, in the order of `series.datasets`; their names have another order.

    Args:
        series: The series.
        folder: Made when it does not exist.
    """
    return write_datasets(series.datasets, folder, seed=series.spec.seed, stem=str(series.spec.series_number))


def write_datasets(
    datasets: Sequence[Dataset], folder: Path, *, seed: int = 0, stem: str = "1"
) -> list[Path]:
    """Write data sets, also invalid ones, as 1-01.dcm, 1-02.dcm ... in a drawn order.

    Args:
        datasets: Each with its file_meta.
        folder: Made when it does not exist.
        seed: Decides the order.
        stem: What stands before the dash.

    Returns:
        The files, in the order of the data sets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = np.random.Generator(np.random.Philox(seed)).permutation(len(datasets))
    paths = [folder / f"{stem}-{place + 1:02d}.dcm" for place in places]
    for path, dataset in zip(paths, datasets, strict=True):
        write_dataset(dataset, path)
    return paths


def write_dataset(dataset: Dataset, path: Path) -> None:
    """Write one data set as a DICOM file, without checking its values."""
    with config.disable_value_validation():
        dcmwrite(path, dataset, enforce_file_format=True)


def _check(spec: SeriesSpec) -> None:
    """Raise InvalidInput unless the settings fit together."""
    if min(spec.slices, spec.rows, spec.columns) < 1:
        raise InvalidInput(
            f"Wanted at least one slice, row and column, found {(spec.slices, spec.rows, spec.columns)}."
        )
    for name, values in (("positions_mm", spec.positions_mm), ("rescale_slope", spec.rescale_slope)):
        if isinstance(values, tuple) and len(values) != spec.slices:
            raise InvalidInput(f"Wanted one of {name} for each of {spec.slices} slices, found {len(values)}.")
    if not np.allclose(spec.axes.T @ spec.axes, np.eye(3), atol=1e-6):
        raise InvalidInput(f"Wanted two perpendicular unit vectors, found orientation {spec.orientation}.")


def _rng(spec: SeriesSpec, *names: object) -> np.random.Generator:
    """Return a generator that depends on the seed, the patient, the study and the names."""
    text = "\x1f".join(str(name) for name in (spec.seed, spec.patient_id, spec.study, *names))
    entropy = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))


def _draw_body(spec: SeriesSpec) -> Body:
    """Draw a body that fills the volume."""
    points = spec.points_mm
    # A stack of one slice still has a thickness.
    slices_mm = np.ptp(spec.slice_positions_mm @ spec.axes[:, 0]) + spec.slice_spacing_mm
    return make_body(
        _rng(spec, "body"),
        middle_mm=(points[0, 0, 0] + points[-1, -1, -1]) / 2,
        axes=spec.axes,
        half_mm=np.array(
            [slices_mm, spec.rows * spec.pixel_spacing_mm[0], spec.columns * spec.pixel_spacing_mm[1]]
        )
        / 2,
        palette=PALETTES[spec.modality],
        lesions=spec.lesions,
        edge=spec.edge,
    )


def _outside_field_of_view(spec: SeriesSpec) -> Mask:
    """Return where (slice, row, column) the scanner measures nothing; nowhere without a padding value."""
    shape = (spec.slices, spec.rows, spec.columns)
    if spec.padding_value is None:
        return np.zeros(shape, dtype=np.bool_)
    rows = (np.arange(spec.rows) - (spec.rows - 1) / 2) / (spec.rows / 2)
    columns = (np.arange(spec.columns) - (spec.columns - 1) / 2) / (spec.columns / 2)
    return np.broadcast_to(np.hypot(rows[:, None], columns) > 1.0, shape)


def _dataset(spec: SeriesSpec, slice_index: int, stored: NDArray[np.int64]) -> Dataset:
    """Return the data set of a slice; stored is (row, column)."""
    dataset = start_dataset(spec, SOP_CLASSES[spec.modality], spec.instance_uid(slice_index))
    add_slice(dataset, spec, slice_index)
    set_pixels(
        dataset, stored, spec.pixels, transfer_syntax=spec.transfer_syntax, photometric=spec.photometric
    )
    if spec.padding_value is not None:
        dataset.PixelPaddingValue = spec.padding_value
    return dataset
