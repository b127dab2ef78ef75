"""The component `plan_shards`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, ShardPlan


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def plan_shards(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    plan: dsl.Output[ShardPlan],
    shard_mib: float = 256.0,
) -> list[int]:
    """Deal the cases of a cohort to shards of about equal size.

    Args:
        cohort: The cohort.
        bundle: Whose deterministic transforms fill the shards.
        shard_mib: Wanted size of a shard in MiB.

    Returns:
        plan: Which case goes to which shard.
        Output: Indices of the fan-out's tasks.
    """
    from pathlib import Path

    from medgantry.sharding.step import plan as plan_step

    return plan_step(Path(cohort.path), Path(bundle.path), Path(plan.path), shard_mib=shard_mib)
