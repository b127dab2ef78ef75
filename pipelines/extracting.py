"""The radiomics stretch of pipelines on images with regions: plan, fan out, merge.

A part is a pipeline of its own because KFP does not bring a parameter that only sizes a task into a loop.
"""

from kfp import dsl

from components.extract_radiomics import extract_radiomics
from components.merge_radiomics import merge_radiomics
from components.plan_radiomics import plan_radiomics
from medgantry.artifacts import Cohort, FeaturePlan, FeatureReceipt, FeatureTable
from pipelines.resources import heavy, light, with_retries


@dsl.pipeline(name="extract-part", description="One task of a radiomics plan.")
def extract_part(
    plan: dsl.Input[FeaturePlan], cohort: dsl.Input[Cohort], index: int, memory: str
) -> FeatureReceipt:
    """Compute the radiomics of one task's cases."""
    made = extract_radiomics(plan=plan, cohort=cohort, index=index)
    with_retries(heavy(made, memory))
    return made.outputs["receipt"]


@dsl.pipeline(name="extracting", description="Radiomics of every case, in parallel, as one table.")
def extracting(
    cohort: dsl.Input[Cohort],
    settings: str = "",
    regions: str = "",
    channel: str = "",
    min_voxels: int = 64,
    max_rejected: float = 0.2,
    memory: str = "8Gi",
) -> FeatureTable:
    """From a cohort with regions to a table of radiomics."""
    planned = plan_radiomics(
        cohort=cohort, settings=settings, regions=regions, channel=channel, min_voxels=min_voxels
    )
    light(planned)
    with dsl.ParallelFor(planned.outputs["Output"], parallelism=50) as index:
        part = extract_part(plan=planned.outputs["plan"], cohort=cohort, index=index, memory=memory)
    merged = merge_radiomics(
        cohort=cohort,
        plan=planned.outputs["plan"],
        receipts=dsl.Collected(part.output),
        max_rejected=max_rejected,
    )
    light(merged)
    return merged.outputs["features"]
