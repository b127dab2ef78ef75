"""Spleen segmentation in CT, source to served model."""

from pipelines.spleen_segmentation.pipeline import spleen_segmentation as spleen_segmentation
