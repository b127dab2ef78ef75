"""The DICOM stretch that every pipeline on DICOM shares: list, fan out, merge.

A part is a pipeline of its own because KFP does not bring a parameter that only sizes a task into a loop.
"""

from kfp import dsl

from components.ingest_dicom_shard import ingest_dicom_shard
from components.merge_cohort import merge_cohort
from components.plan_ingest import plan_ingest
from medgantry.artifacts import Cohort, IngestPlan, IngestReceipt
from pipelines.resources import heavy, light, with_archive, with_retries


@dsl.pipeline(name="ingest-part", description="One task of an ingest plan.")
def ingest_part(plan: dsl.Input[IngestPlan], index: int, memory: str) -> IngestReceipt:
    """Ingest the studies of one task."""
    made = ingest_dicom_shard(plan=plan, index=index)
    with_retries(with_archive(heavy(made, memory)))
    return made.outputs["receipt"]


@dsl.pipeline(name="ingesting", description="DICOM studies to a cohort, de-identified, in parallel.")
def ingesting(
    source: str,
    select: str = "",
    labels: str = "",
    deidentify: str = "modified-dates,clean-pixel-data",
    repairs: str = "",
    keep_dicom: bool = False,
    reidentification: bool = False,
    shards: int = 8,
    regions: str = "",
    max_rejected: float = 0.2,
    external: bool = False,
    memory: str = "8Gi",
) -> Cohort:
    """From an archive or a PACS to a trusted cohort."""
    planned = plan_ingest(
        source=source,
        select=select,
        labels=labels,
        deidentify=deidentify,
        repairs=repairs,
        keep_dicom=keep_dicom,
        reidentification=reidentification,
        shards=shards,
    )
    with_retries(with_archive(heavy(planned, memory)))
    with dsl.ParallelFor(planned.outputs["Output"], parallelism=50) as index:
        part = ingest_part(plan=planned.outputs["plan"], index=index, memory=memory)
    merged = merge_cohort(
        plan=planned.outputs["plan"],
        receipts=dsl.Collected(part.output),
        regions=regions,
        max_rejected=max_rejected,
        external=external,
    )
    light(merged)
    return merged.outputs["cohort"]
