"""The preprocessing stretch that every training pipeline shares: plan, fan out, merge.

A part is a pipeline of its own because KFP does not bring a parameter that only sizes a task into a loop.
"""

from kfp import dsl

from components.merge_shards import merge_shards
from components.plan_shards import plan_shards
from components.preprocess_shard import preprocess_shard
from medgantry.artifacts import Bundle, Cohort, ShardPlan, ShardReceipt, ShardSet
from pipelines.resources import heavy, light, with_retries


@dsl.pipeline(name="preprocess-part", description="One task of a plan.")
def preprocess_part(
    plan: dsl.Input[ShardPlan], cohort: dsl.Input[Cohort], bundle: dsl.Input[Bundle], index: int, memory: str
) -> ShardReceipt:
    """Make the shards of one task."""
    made = preprocess_shard(plan=plan, cohort=cohort, bundle=bundle, index=index)
    with_retries(heavy(made, memory))
    return made.outputs["receipt"]


@dsl.pipeline(name="preprocessing", description="Deterministic transforms, once per case, in shards.")
def preprocessing(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    shard_mib: float = 256.0,
    max_rejected: float = 0.2,
    memory: str = "8Gi",
) -> ShardSet:
    """Fill shards with what the bundle's deterministic transforms make of a cohort."""
    planned = light(plan_shards(cohort=cohort, bundle=bundle, shard_mib=shard_mib))
    with dsl.ParallelFor(planned.outputs["Output"], parallelism=50) as index:
        part = preprocess_part(
            plan=planned.outputs["plan"], cohort=cohort, bundle=bundle, index=index, memory=memory
        )
    merged = merge_shards(
        cohort=cohort,
        bundle=bundle,
        plan=planned.outputs["plan"],
        receipts=dsl.Collected(part.output),
        max_rejected=max_rejected,
    )
    light(merged)
    return merged.outputs["shards"]
