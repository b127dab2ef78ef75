"""The pipeline `skin_lesion_classification`."""

from kfp import dsl

from components.explain import explain
from components.ingest_photos import ingest_photos
from components.open_bundle import open_bundle
from components.plot_classes import plot_classes
from components.split_cohort import split_cohort
from components.summarize_run import summarize_run
from pipelines.publishing import publishing
from pipelines.resources import heavy, light
from pipelines.training import training

CLASSES = "akiec,bcc,bkl,df,mel,nv,vasc"


@dsl.pipeline(
    name="skin-lesion-classification",
    description="Seven diagnoses of pigmented skin lesions from dermoscopic images.",
)
def skin_lesion_classification(
    source: str,
    metadata: str = "",
    images: str = "",
    columns: str = "",
    classes: str = CLASSES,
    licence: str = "",
    max_rejected: float = 0.2,
    validation: float = 0.2,
    test: float = 0.2,
    split_assignment: str = "",
    accepted_duplicates: str = "",
    bundle: str = "medgantry:skin_lesion_classification",
    trust_bundle: bool = False,
    override: str = "",
    pretrained: str = "",
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
    model_name: str = "skin-lesion-classification",
    min_gain: float = 0.0,
    max_subgroup_drop: float = 0.05,
    positive: str = "",
    explained: int = 4,
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    serve_memory: str = "8Gi",
    serve_gpus: int = 0,
):
    """From photos and their table to a served, evaluated, explained, registered model."""
    with dsl.ExitHandler(light(summarize_run())):
        opened = light(open_bundle(uri=bundle, override=override, trust=trust_bundle, pretrained=pretrained))
        ingested = ingest_photos(
            source=source,
            metadata=metadata,
            images=images,
            columns=columns,
            classes=classes,
            licence=licence,
            max_rejected=max_rejected,
        )
        heavy(ingested, memory)
        divided = split_cohort(
            cohort=ingested.outputs["cohort"],
            validation=validation,
            test=test,
            seed=seed,
            stratify_by="diagnosis",
            assignment=split_assignment,
            accepted_duplicates=accepted_duplicates,
        )
        light(divided)
        cohort = divided.outputs["divided"]
        trained = training(
            cohort=cohort,
            bundle=opened.outputs["bundle"],
            shard_mib=shard_mib,
            max_rejected=max_rejected,
            seed=seed,
            ranks=ranks,
            train_options=train_options,
            launcher=launcher,
            queue=queue,
            cpu=cpu,
            memory=memory,
            train_memory=train_memory,
            gpus=gpus,
        )
        published = publishing(
            cohort=cohort,
            bundle=trained.output,
            model_name=model_name,
            seed=seed,
            min_gain=min_gain,
            max_subgroup_drop=max_subgroup_drop,
            memory=memory,
            target=target,
            canary=canary,
            mode=mode,
            replicas=replicas,
            serve_memory=serve_memory,
            serve_gpus=serve_gpus,
        )
        light(plot_classes(evaluation=published.output, positive=positive))
        explained_cases = explain(
            bundle=trained.output, cohort=cohort, evaluation=published.output, cases=explained, seed=seed
        )
        heavy(explained_cases, memory)
