"""Seven diagnoses of skin lesions from dermoscopic images, source to served model."""

from pipelines.skin_lesion_classification.pipeline import (
    skin_lesion_classification as skin_lesion_classification,
)
