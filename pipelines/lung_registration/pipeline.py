"""The pipeline `lung_registration`."""

from kfp import dsl

from components.ingest_pairs import ingest_pairs
from components.open_bundle import open_bundle
from components.split_cohort import split_cohort
from components.summarize_run import summarize_run
from pipelines.publishing import publishing
from pipelines.resources import heavy, light
from pipelines.training import training


@dsl.pipeline(
    name="lung-registration",
    description="A displacement field from a chest CT breathed out to one breathed in.",
)
def lung_registration(
    source: str,
    source_md5: str = "",
    layout: str = "auto",
    max_rejected: float = 0.2,
    validation: float = 0.2,
    test: float = 0.2,
    split_assignment: str = "",
    accepted_duplicates: str = "",
    bundle: str = "medgantry:lung_registration",
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
    model_name: str = "lung-registration",
    min_gain: float = 0.0,
    max_subgroup_drop: float = 0.05,
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    serve_memory: str = "8Gi",
    serve_gpus: int = 0,
):
    """From pairs of volumes to an evaluated, registered, served model."""
    with dsl.ExitHandler(light(summarize_run())):
        opened = light(open_bundle(uri=bundle, override=override, trust=trust_bundle))
        ingested = ingest_pairs(
            source=source, source_md5=source_md5, layout=layout, max_rejected=max_rejected
        )
        heavy(ingested, memory)
        divided = split_cohort(
            cohort=ingested.outputs["cohort"],
            validation=validation,
            test=test,
            seed=seed,
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
        publishing(
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
