"""DICOM in, DICOM-SEG out."""

from pipelines.batch_inference.pipeline import batch_inference as batch_inference
