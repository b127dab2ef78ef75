"""The pipeline `spleen_segmentation`."""

from pipelines.segmenting import segmentation

spleen_segmentation = segmentation(
    name="spleen-segmentation",
    description="The spleen in portal-venous CT, trained the fast way.",
    regions='{"spleen": ["spleen"]}',
    bundle="medgantry:spleen_segmentation",
    train_options='{"cache": "memory"}',
    model_name="spleen-segmentation",
)
