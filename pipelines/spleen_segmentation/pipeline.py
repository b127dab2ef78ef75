"""The pipeline `spleen_segmentation`."""

from pipelines.segmenting import segmentation

REGIONS = '{"spleen": ["spleen"]}'

spleen_segmentation = segmentation(
    name="spleen-segmentation",
    description="The spleen in portal-venous CT, trained the fast way.",
    regions=REGIONS,
    bundle="medgantry:spleen_segmentation",
    train_options='{"cache": "memory"}',
    model_name="spleen-segmentation",
)
