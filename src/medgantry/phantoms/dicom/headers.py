"""The attributes of a data set that do not hold pixels, module by module of PS3.3."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.phantoms.dicom.uids import make_uid

IMPLEMENTATION_UID = make_uid("implementation of the phantoms")
SOP_CLASSES = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}


def decimals(values: Sequence[float] | NDArray[np.float64]) -> list[str]:
    """Return numbers as decimal strings of at most 16 characters, the limit of the VR DS."""
    return [format_number_as_ds(float(value)) for value in values]


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def start_dataset(spec: SeriesSpec, sop_class: UID, instance_uid: UID) -> Dataset:
    """Return a data set with file meta and the modules of patient, study, series and equipment.

    Args:
        spec: The series.
        sop_class: SOPClassUID.
        instance_uid: SOPInstanceUID.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.FileMetaInformationVersion = b"\x00\x01"
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = instance_uid
    dataset.file_meta.TransferSyntaxUID = spec.transfer_syntax
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_UID
    dataset.file_meta.ImplementationVersionName = "PHANTOM"
    dataset.preamble = b"\0" * 128
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = instance_uid
    _add_patient_and_study(dataset, spec)
    _add_series(dataset, spec)
    return dataset


def add_slice(dataset: Dataset, spec: SeriesSpec, slice_index: int) -> None:
    """Add what a single-frame image says about itself, except pixels.

    Args:
        dataset: Changed in place.
        spec: The series.
        slice_index: Counted along the normal.
    """
    place = slice_index if spec.bottom_up else spec.slices - 1 - slice_index
    dataset.InstanceNumber = spec.instance_number_start + place
    dataset.AcquisitionNumber = 1
    dataset.ImageType = list(spec.image_type)
    dataset.AcquisitionDate = dataset.ContentDate = spec.study_date
    dataset.AcquisitionTime = dataset.ContentTime = "101530"
    dataset.PatientPosition = "HFS"
    dataset.PositionReferenceIndicator = ""
    dataset.FrameOfReferenceUID = spec.frame_of_reference_uid
    position = spec.slice_positions_mm[slice_index]
    dataset.ImagePositionPatient = decimals(position)
    dataset.ImageOrientationPatient = decimals(spec.orientation)
    dataset.PixelSpacing = decimals(spec.pixel_spacing_mm)
    dataset.SliceThickness = decimals([spec.slice_thickness_mm])[0]
    dataset.SliceLocation = decimals([float(position @ spec.axes[:, 0])])[0]
    if spec.rescale_slope is not None:
        dataset.RescaleSlope = decimals([spec.slopes[slice_index]])[0]
        dataset.RescaleIntercept = decimals([spec.intercept])[0]
    add_acquisition = {"CT": _add_ct, "MR": _add_mr, "PT": _add_pet}[spec.modality]
    add_acquisition(dataset, spec)
    if spec.modality == "PT":
        dataset.ImageIndex = slice_index + 1


def _add_patient_and_study(dataset: Dataset, spec: SeriesSpec) -> None:
    dataset.PatientName = spec.patient_name
    dataset.PatientID = spec.patient_id
    dataset.PatientBirthDate = "19600229"
    dataset.PatientSex = "O"
    dataset.PatientAge = "059Y"
    dataset.PatientWeight = "70"
    dataset.StudyInstanceUID = spec.study_uid
    dataset.StudyDate = spec.study_date
    dataset.StudyTime = "101500"
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = str(spec.study)
    dataset.AccessionNumber = f"A{spec.study:04d}"
    dataset.StudyDescription = spec.study_description


def _add_series(dataset: Dataset, spec: SeriesSpec) -> None:
    dataset.Modality = spec.modality
    dataset.SeriesInstanceUID = spec.series_uid
    dataset.SeriesNumber = spec.series_number
    dataset.SeriesDate = spec.study_date
    dataset.SeriesTime = "101510"
    dataset.SeriesDescription = spec.series_description
    dataset.BodyPartExamined = "CHEST"
    dataset.Laterality = ""
    dataset.Manufacturer = "Phantom Works"
    dataset.ManufacturerModelName = "Ellipsoid 1"
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = "1"


def _add_ct(dataset: Dataset, spec: SeriesSpec) -> None:
    dataset.KVP = "120"
    dataset.ConvolutionKernel = spec.kernel
    dataset.RescaleType = "HU"


def _add_mr(dataset: Dataset, spec: SeriesSpec) -> None:
    dataset.ScanningSequence = "SE"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "2D"
    dataset.EchoTime = "12"
    dataset.RepetitionTime = "550"
    dataset.EchoTrainLength = "1"
    dataset.MagneticFieldStrength = "1.5"


def _add_pet(dataset: Dataset, spec: SeriesSpec) -> None:
    dataset.Units = "BQML"
    dataset.CountsSource = "EMISSION"
    dataset.SeriesType = ["WHOLE BODY", "IMAGE"]
    dataset.NumberOfSlices = spec.slices
    dataset.CorrectedImage = ["ATTN", "DECY", "SCAT"]
    dataset.DecayCorrection = "START"
    dataset.CollimatorType = ""
    dataset.FrameReferenceTime = "60000"
    dataset.ActualFrameDuration = "120000"
    agent = Dataset()
    agent.RadionuclideCodeSequence = [code("C-111A1", "SRT", "^18^Fluorine")]
    agent.RadiopharmaceuticalStartTime = "091500"
    agent.RadionuclideTotalDose = "350000000"
    agent.RadionuclideHalfLife = "6586.2"
    dataset.RadiopharmaceuticalInformationSequence = [agent]
    dataset.PatientOrientationCodeSequence = [code("F-10450", "SRT", "recumbent")]
    dataset.PatientGantryRelationshipCodeSequence = [code("F-10470", "SRT", "headfirst")]
