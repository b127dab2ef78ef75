"""Brain-tumour segmentation from four MRI channels, source to served model."""

from pipelines.brain_tumor_segmentation.pipeline import brain_tumor_segmentation as brain_tumor_segmentation
