"""One preprocessing task: its shards, one after another, each committed before the next begins."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import ObjectMissing
from medgantry.sharding.plan import ShardPlan, sidecar_key
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore

if TYPE_CHECKING:
    from medgantry.sharding.make import ShardMaker


def preprocess_part(
    plan: ShardPlan, cohort: Cohort, bundle: Bundle, *, part: int, store: ObjectStore, record: StepRecord
) -> list[dict[str, Any]]:
    """Make the shards of one task; those that were committed before are taken as they are.

    Returns:
        The shards' sidecars.

    Raises:
        Mismatch: If the plan is of another cohort or of other transforms.
    """
    plan.check_fits(cohort, bundle)
    shards = plan.part(part)
    record.use(f"shards/{plan.spec}")

    @cache
    def maker() -> "ShardMaker":
        # Imported here so that a task whose shards all exist does not pay for torch and MONAI.
        from medgantry.sharding.make import ShardMaker

        return ShardMaker(cohort, bundle, store)

    sidecars: list[dict[str, Any]] = []
    made = 0
    for done, shard in enumerate(shards):
        record.advance(done, len(shards), "shards")
        try:
            sidecars.append(json.loads(store.get_bytes(sidecar_key(plan.spec, shard.shard_id))))
            continue
        except ObjectMissing:
            made += 1
        sidecars.append(maker().make(shard, plan.spec))
    record.reused = made == 0
    record.facts = {"shards_made": made, "shards_reused": len(shards) - made}
    record.advance(len(shards), len(shards), "shards")
    return sidecars
