"""The pipeline `nsclc_survival`."""

from kfp import dsl

from components.ingest_clinical import ingest_clinical
from components.ingest_expression import ingest_expression
from components.join_features import join_features
from components.publish_features import publish_features
from components.summarize_run import summarize_run
from pipelines.extracting import extracting
from pipelines.ingesting import ingesting
from pipelines.modelling_survival import modelling_survival
from pipelines.resources import heavy, light, with_archive

TUMOR = '{"tumor": "tumou?r|neoplasm|nodule|lesion|mass|gtv"}'
AT_SURGERY = '{"known_until": "surgery"}'
"""Time counts from surgery, so what pathology found is known at its origin."""


@dsl.pipeline(
    name="nsclc-survival",
    description="CT, clinical values and gene expression of lung cancer patients to a model of their survival.",
)
def nsclc_survival(
    source: str,
    clinical: str,
    expression: str,
    select: str = '{"modality": "CT", "has": "SEG"}',
    labels: str = TUMOR,
    deidentify: str = "none",
    repairs: str = "",
    shards: int = 8,
    max_rejected: float = 0.3,
    radiomics: str = "",
    min_voxels: int = 64,
    roles: str = "medgantry:nsclc_radiogenomics",
    genes: str = "medgantry:nsclc_21",
    unit: str = "FPKM",
    project: str = "nsclc_radiogenomics",
    columns: str = "",
    settings: str = AT_SURGERY,
    horizons: str = "",
    seed: int = 0,
    model_name: str = "nsclc-survival",
    min_gain: float = 0.0,
    memory: str = "8Gi",
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    serve_memory: str = "2Gi",
):
    """From an archive and two tables to an evaluated, explained, registered, served model."""
    with dsl.ExitHandler(light(summarize_run())):
        cohort = ingesting(
            source=source,
            select=select,
            labels=labels,
            deidentify=deidentify,
            repairs=repairs,
            shards=shards,
            max_rejected=max_rejected,
            memory=memory,
        )
        texture = extracting(
            cohort=cohort.output,
            settings=radiomics,
            min_voxels=min_voxels,
            max_rejected=max_rejected,
            memory=memory,
        )
        known = ingest_clinical(
            source=clinical, roles=roles, deidentify=deidentify, max_rejected=max_rejected
        )
        with_archive(light(known))
        genome = ingest_expression(
            source=expression,
            outcomes=known.outputs["outcomes"],
            genes=genes,
            unit=unit,
            deidentify=deidentify,
            max_rejected=max_rejected,
        )
        with_archive(heavy(genome, memory))
        published = [
            light(publish_features(table=table, project=project))
            for table in (texture.output, known.outputs["features"], genome.outputs["expression"])
        ]
        joined = join_features(
            outcomes=known.outputs["outcomes"], project=project, views="clinical,radiomics,expression"
        )
        light(joined.after(*published))
        modelling_survival(
            features=joined.outputs["features"],
            columns=columns,
            settings=settings,
            horizons=horizons,
            seed=seed,
            model_name=model_name,
            min_gain=min_gain,
            memory=memory,
            target=target,
            canary=canary,
            mode=mode,
            replicas=replicas,
            serve_memory=serve_memory,
        )
