"""The pipeline `brain_tumor_segmentation`."""

from kfp import dsl

from components.deploy import deploy
from components.evaluate import evaluate
from components.ingest_nifti import ingest_nifti
from components.open_bundle import open_bundle
from components.register import register
from components.split_cohort import split_cohort
from components.summarize_run import summarize_run
from components.train import train
from pipelines.preprocessing import preprocessing
from pipelines.resources import with_retries

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
    bundle: str = "medgantry:brain_tumor_segmentation",
    trust_bundle: bool = False,
    override: str = "",
    shard_mib: float = 256.0,
    seed: int = 0,
    ranks: int = 1,
    launcher: str = "auto",
    model_name: str = "brain-tumor-segmentation",
):
    """From raw volumes to a served, evaluated, registered model."""
    with dsl.ExitHandler(summarize_run()):
        opened = open_bundle(uri=bundle, override=override, trust=trust_bundle)
        ingested = ingest_nifti(
            source=source,
            source_md5=source_md5,
            layout=layout,
            regions=regions,
            labels=labels,
            max_rejected=max_rejected,
        )
        divided = split_cohort(
            cohort=ingested.outputs["cohort"],
            validation=validation,
            test=test,
            seed=seed,
            stratify_by="labels",
            assignment=split_assignment,
        )
        cohort = divided.outputs["divided"]
        shards = preprocessing(
            cohort=cohort, bundle=opened.outputs["bundle"], shard_mib=shard_mib, max_rejected=max_rejected
        )
        trained = with_retries(
            train(
                cohort=cohort,
                shards=shards.output,
                bundle=opened.outputs["bundle"],
                seed=seed,
                ranks=ranks,
                launcher=launcher,
            )
        )
        judged = evaluate(cohort=cohort, bundle=trained.outputs["trained"], seed=seed)
        registered = register(
            bundle=trained.outputs["trained"],
            cohort=cohort,
            evaluation=judged.outputs["evaluation"],
            model_name=model_name,
        )
        deploy(registration=registered.outputs["registration"])
