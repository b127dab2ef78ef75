"""The pipeline `brain_tumor_segmentation`."""

from pipelines.segmenting import segmentation

REGIONS = (
    '{"TC": ["non-enhancing tumor", "enhancing tumour"],'
    ' "WT": ["edema", "non-enhancing tumor", "enhancing tumour"],'
    ' "ET": ["enhancing tumour"]}'
)

brain_tumor_segmentation = segmentation(
    name="brain-tumor-segmentation",
    description="Tumour core, whole tumour and enhancing tumour from FLAIR, T1w, T1gd and T2w.",
    regions=REGIONS,
    bundle="medgantry:brain_tumor_segmentation",
    model_name="brain-tumor-segmentation",
)
