"""In which ways a patient of the cohort is damaged, and what should become of each."""

from dataclasses import dataclass
from typing import Literal

Loss = Literal["patient", "radiomics", "expression"]
PATIENT: Loss = "patient"
RADIOMICS: Loss = "radiomics"
EXPRESSION: Loss = "expression"


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One way of damage.

    Attributes:
        name: What is wrong.
        loses: What a correct pipeline loses by it: one modality, or the patient.
        step: The component that should notice.
        because: The reason, in words.
    """

    name: str
    loses: Loss
    step: str
    because: str


SLICE_MISSING = Damage(
    name="slice missing in the tumour", loses=RADIOMICS, step="ingest_dicom_shard",
    because="One slice through the tumour is not in the series, so the spacing of its slices varies.",
)  # fmt: skip
OTHER_FRAME = Damage(
    name="segmentation in another frame of reference", loses=RADIOMICS, step="ingest_dicom_shard",
    because="The segmentation says it lies in another coordinate system than the CT.",
)  # fmt: skip
NO_FOLLOW_UP = Damage(
    name="no follow-up", loses=PATIENT, step="ingest_clinical",
    because="Alive, and the date last known alive was not collected: there is no time to learn from.",
)  # fmt: skip
NO_EXPRESSION_VALUES = Damage(
    name="expression all missing", loses=EXPRESSION, step="ingest_expression",
    because="Every value of the patient's column is NA.",
)  # fmt: skip
FEW_VOXELS = Damage(
    name="tumour of a few voxels", loses=RADIOMICS, step="extract_radiomics",
    because="The segmentation has five voxels: too few to measure a texture or a shape.",
)  # fmt: skip
NO_CLINICAL_ROW = Damage(
    name="not in the clinical table", loses=PATIENT, step="join_features",
    because="Images and expression are there, but no row tells the outcome.",
)  # fmt: skip
NO_IMAGES = Damage(
    name="no images", loses=RADIOMICS, step="join_features",
    because="The clinical table lists the patient, and no DICOM file is there.",
)  # fmt: skip
EXPRESSION_TWICE = Damage(
    name="expression listed twice", loses=EXPRESSION, step="ingest_expression",
    because="Two columns of the patient hold different values, and nothing tells which is right.",
)  # fmt: skip
NO_VOXEL = Damage(
    name="segmentation without a voxel", loses=RADIOMICS, step="extract_radiomics",
    because="Every frame of the segmentation is empty.",
)  # fmt: skip
FILE_CUT_OFF = Damage(
    name="file cut off", loses=RADIOMICS, step="ingest_dicom_shard",
    because="The file of a slice through the tumour ends in its pixels.",
)  # fmt: skip
NO_SEGMENTATION = Damage(
    name="no segmentation", loses=RADIOMICS, step="ingest_dicom_shard",
    because="Nobody drew the tumour.",
)  # fmt: skip
OTHER_SERIES = Damage(
    name="segmentation of another series", loses=RADIOMICS, step="ingest_dicom_shard",
    because="The segmentation was drawn on a series that is not there.",
)  # fmt: skip

DAMAGES = (
    SLICE_MISSING, OTHER_FRAME, NO_FOLLOW_UP, NO_EXPRESSION_VALUES, FEW_VOXELS, NO_CLINICAL_ROW, NO_IMAGES,
    EXPRESSION_TWICE, NO_VOXEL, FILE_CUT_OFF, NO_SEGMENTATION, OTHER_SERIES,
)  # fmt: skip
"""Dealt out in turn; the first five already hit images, clinical table and expression."""
