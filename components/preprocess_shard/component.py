"""The component `preprocess_shard`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, ShardPlan, ShardReceipt


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def preprocess_shard(
    plan: dsl.Input[ShardPlan],
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    receipt: dsl.Output[ShardReceipt],
    index: int,
):
    """Make the shards of one task of a plan; shards that exist are taken as they are.

    Args:
        plan: Which case goes to which shard.
        cohort: The cohort the plan is of.
        bundle: Whose deterministic transforms fill the shards.
        index: The task.

    Returns:
        receipt: What was committed.
    """
    from pathlib import Path

    from medgantry.sharding.step import preprocess

    folders = Path(plan.path), Path(cohort.path), Path(bundle.path)
    preprocess(*folders, Path(receipt.path), index=int(index))
