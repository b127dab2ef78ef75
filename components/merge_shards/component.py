"""The component `merge_shards`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, ShardPlan, ShardSet


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def merge_shards(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    plan: dsl.Input[ShardPlan],
    receipts: dsl.Input[list[dsl.Dataset]],
    shards: dsl.Output[ShardSet],
    max_rejected: float = 0.2,
):
    """Fold what the preprocessing tasks committed into one index.

    Args:
        cohort: The cohort.
        bundle: Whose deterministic transforms filled the shards.
        plan: Which case went to which shard.
        receipts: What the tasks committed.
        max_rejected: Allowed share of rejected cases, ingest's included.

    Returns:
        shards: The index of all shards.
    """
    from pathlib import Path

    from medgantry.sharding.step import merge

    folders = Path(cohort.path), Path(bundle.path), Path(plan.path)
    paths = [Path(receipt.path) for receipt in receipts]
    merge(*folders, paths, Path(shards.path), max_rejected=max_rejected)
