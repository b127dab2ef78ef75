"""The pipeline `brain_tumor_segmentation`."""

from kfp import dsl

from components.summarize_run import summarize_run
from pipelines.resources import light
from pipelines.segmenting import segment_volumes

REGIONS = (
    '{"TC": ["non-enhancing tumor", "enhancing tumour"],'
    ' "WT": ["edema", "non-enhancing tumor", "enhancing tumour"],'
    ' "ET": ["enhancing tumour"]}'
)


@dsl.pipeline(
    name="brain-tumor-segmentation",
    description="Tumour core, whole tumour and enhancing tumour from FLAIR, T1w, T1gd and T2w.",
)
def brain_tumor_segmentation(
    source: str,
    source_md5: str = "",
    layout: str = "auto",
    labels: str = "",
    regions: str = REGIONS,
    max_rejected: float = 0.2,
    validation: float = 0.2,
    test: float = 0.2,
    split_assignment: str = "",
    accepted_duplicates: str = "",
    folds: int = 1,
    rule: str = "mean",
    test_time_augmentation: str = "none",
    bundle: str = "medgantry:brain_tumor_segmentation",
    trust_bundle: bool = False,
    override: str = "",
    shard_mib: float = 256.0,
    seed: int = 0,
    ranks: int = 1,
    train_options: str = "",
    launcher: str = "auto",
    queue: str = "",
    cpu: str = "4",
    memory: str = "8Gi",
    train_memory: str = "16Gi",
    gpus: int = 0,
    model_name: str = "brain-tumor-segmentation",
    min_gain: float = 0.0,
    max_subgroup_drop: float = 0.05,
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    serve_memory: str = "8Gi",
    serve_gpus: int = 0,
):
    """From raw volumes to a served, evaluated, registered model."""
    parameters = locals()
    with dsl.ExitHandler(light(summarize_run())):
        segment_volumes(**parameters)
