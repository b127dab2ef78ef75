"""What a synthetic series is like: geometry, pixels and identity."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID, ExplicitVRLittleEndian

from medgantry.phantoms.dicom.anatomy import Ellipsoid
from medgantry.phantoms.dicom.pixels import PixelFormat
from medgantry.phantoms.dicom.uids import make_uid

Vector = tuple[float, float, float]
Modality = Literal["CT", "MR", "PT"]

_SIGNED_16 = PixelFormat()
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


@dataclass(frozen=True, kw_only=True)
class SeriesSpec:
    """Settings of `make_series`; the same settings give the same bytes."""

    seed: int = 0
    """Decides the body, the noise and the UIDs."""

    slices: int = 20
    rows: int = 32
    columns: int = 40
    pixel_spacing_mm: tuple[float, float] = (0.7, 0.8)
    """Between rows, between columns: the order of PixelSpacing."""
    slice_spacing_mm: float = 2.5
    """Between neighbouring slices along the normal."""
    slice_thickness_mm: float = 2.0
    """Differs from the spacing, so that nobody confuses the two unnoticed."""
    orientation: tuple[float, float, float, float, float, float] = AXIAL
    """LPS direction in which the column index grows, then the one in which the row index grows."""
    origin_mm: Vector = (-15.5, -110.25, -300.5)
    """LPS centre of the voxel (0, 0, 0): the lowest slice along the normal."""
    positions_mm: tuple[Vector, ...] | None = None
    """LPS centre of the first pixel of every slice; None: regular, from origin_mm along the normal."""

    modality: Modality = "CT"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    pixels: PixelFormat = _SIGNED_16
    transfer_syntax: UID = ExplicitVRLittleEndian
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2"
    rescale_slope: float | tuple[float, ...] | None = 1.0
    """One for all slices or one per slice, lowest first; None: neither slope nor intercept is written."""
    rescale_intercept: float = -1024.0
    padding_value: int | None = None
    """Stored value outside a circular field of view; None: no padding."""
    noise: bool = True
    """Gaussian noise in every voxel."""
    edge: float = 0.08
    """Share of an organ's radius over which its edge fades; the larger, the better to interpolate."""
    lesions: tuple[Ellipsoid, ...] = ()

    patient_id: str = "PHANTOM-0001"
    patient_name: str = "Phantom^Ellipsoid"
    study: int = 1
    """Tells apart the studies of a patient; it is the StudyID, and part of the study's UID."""
    study_date: str = "20200115"
    study_description: str = "SYNTHETIC CHEST"
    series_number: int = 2
    """Tells apart the series of a study; it is part of the series' UID."""
    series_description: str = "AXIAL 2.0 SOFT"
    kernel: str = "B30f"
    frame_of_reference: str = "table"
    """Series of a study with the same word share their FrameOfReferenceUID."""
    instance_number_start: int = 1
    bottom_up: bool = True
    """InstanceNumber grows along the normal; otherwise against it."""

    @property
    def study_uid(self) -> UID:
        """StudyInstanceUID."""
        return make_uid(self.seed, self.patient_id, "study", self.study)

    @property
    def series_uid(self) -> UID:
        """SeriesInstanceUID."""
        return make_uid(self.study_uid, "series", self.series_number)

    @property
    def frame_of_reference_uid(self) -> UID:
        """FrameOfReferenceUID."""
        return make_uid(self.study_uid, "frame of reference", self.frame_of_reference)

    def instance_uid(self, slice_index: int) -> UID:
        """Return the SOPInstanceUID of a slice, counted along the normal."""
        return make_uid(self.series_uid, "instance", slice_index)

    @property
    def axes(self) -> NDArray[np.float64]:
        """(3, 3): the columns are LPS directions: normal, growing row index, growing column index."""
        along_columns = np.array(self.orientation[:3])
        down_rows = np.array(self.orientation[3:])
        return np.stack([np.cross(along_columns, down_rows), down_rows, along_columns], axis=1)

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) from voxel indices (slice, row, column, 1) to LPS millimetres, for regular positions."""
        affine = np.eye(4)
        affine[:3, :3] = self.axes * (self.slice_spacing_mm, *self.pixel_spacing_mm)
        affine[:3, 3] = self.origin_mm
        return affine

    @property
    def slice_positions_mm(self) -> NDArray[np.float64]:
        """(slice, 3) LPS centres of the first pixel of every slice, lowest first."""
        if self.positions_mm is not None:
            return np.array(self.positions_mm, dtype=np.float64)
        steps = np.arange(self.slices)[:, None] * self.slice_spacing_mm
        positions: NDArray[np.float64] = np.array(self.origin_mm) + steps * self.axes[:, 0]
        return positions

    @property
    def points_mm(self) -> NDArray[np.float64]:
        """(slice, row, column, 3) LPS centres of the voxels."""
        row_step, column_step = (self.axes[:, i] * self.pixel_spacing_mm[i - 1] for i in (1, 2))
        in_plane = (
            np.arange(self.rows)[:, None, None] * row_step + np.arange(self.columns)[:, None] * column_step
        )
        points: NDArray[np.float64] = self.slice_positions_mm[:, None, None, :] + in_plane
        return points

    @property
    def slopes(self) -> NDArray[np.float64]:
        """(slice,) rescale slopes; 1 where none is written."""
        slope = 1.0 if self.rescale_slope is None else self.rescale_slope
        return np.broadcast_to(np.array(slope, dtype=np.float64), (self.slices,))

    @property
    def intercept(self) -> float:
        """Rescale intercept; 0 where none is written."""
        return 0.0 if self.rescale_slope is None else self.rescale_intercept
