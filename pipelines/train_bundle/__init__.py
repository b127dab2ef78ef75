"""Any MONAI bundle for the segmentation of volumes, source to served model."""

from pipelines.train_bundle.pipeline import train_bundle as train_bundle
