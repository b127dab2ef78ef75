"""The pipeline `train_bundle`."""

from pipelines.segmenting import segmentation

train_bundle = segmentation(
    name="train-bundle",
    description="Any MONAI bundle for the segmentation of volumes, trained, evaluated, registered and served.",
)
