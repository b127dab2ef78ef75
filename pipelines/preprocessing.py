"""The preprocessing stretch that every training pipeline shares: plan, fan out, merge."""

from kfp import dsl

from components.merge_shards import merge_shards
from components.plan_shards import plan_shards
from components.preprocess_shard import preprocess_shard
from medgantry.artifacts import Bundle, Cohort, ShardSet
from pipelines.resources import with_retries


@dsl.pipeline(name="preprocessing", description="Deterministic transforms, once per case, in shards.")
def preprocessing(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    shard_mib: float = 256.0,
    max_rejected: float = 0.2,
) -> ShardSet:
    """Fill shards with what the bundle's deterministic transforms make of a cohort."""
    planned = plan_shards(cohort=cohort, bundle=bundle, shard_mib=shard_mib)
    with dsl.ParallelFor(planned.outputs["Output"], parallelism=50) as index:
        part = preprocess_shard(plan=planned.outputs["plan"], cohort=cohort, bundle=bundle, index=index)
        with_retries(part)
    merged = merge_shards(
        cohort=cohort,
        bundle=bundle,
        plan=planned.outputs["plan"],
        receipts=dsl.Collected(part.outputs["receipt"]),
        max_rejected=max_rejected,
    )
    return merged.outputs["shards"]
