"""The steps `plan_shards`, `preprocess_shard` and `merge_shards`."""

from collections.abc import Sequence
from pathlib import Path

from medgantry import ledger
from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.documents import read_document, write_document
from medgantry.sharding.plan import ShardPlan, plan_shards
from medgantry.sharding.preprocess import preprocess_part
from medgantry.sharding.shard_set import ShardSet, merge_shards
from medgantry.steps import step
from medgantry.storage import ObjectStore

RECEIPT = "receipt.json"
RECEIPT_SCHEMA = "medgantry/shard-receipt/1"


def plan(cohort_folder: Path, bundle_folder: Path, output: Path, *, shard_mib: float) -> list[int]:
    """Write a plan; returns the indices of the fan-out's tasks."""
    with step("plan_shards") as record:
        made = plan_shards(Cohort.open(cohort_folder), Bundle(bundle_folder), shard_mib=shard_mib)
        made.save(output)
        record.facts = {"shards": len(made.shards), "tasks": made.parts, "spec": made.spec}
        return list(range(made.parts))


def preprocess(
    plan_folder: Path, cohort_folder: Path, bundle_folder: Path, output: Path, *, index: int
) -> None:
    """Make one task's shards and write a receipt of what was committed."""
    with step("preprocess_shard", iteration=index) as record:
        sidecars = preprocess_part(
            ShardPlan.open(plan_folder),
            Cohort.open(cohort_folder),
            Bundle(bundle_folder),
            part=index,
            store=ObjectStore.from_environment(),
            record=record,
        )
        write_document(output / RECEIPT, RECEIPT_SCHEMA, {"shards": sidecars})


def merge(
    cohort_folder: Path,
    bundle_folder: Path,
    plan_folder: Path,
    receipt_folders: Sequence[Path],
    output: Path,
    *,
    max_rejected: float,
) -> None:
    """Fold the receipts into a shard set."""
    with step("merge_shards") as record:
        shards: ShardSet = merge_shards(
            Cohort.open(cohort_folder),
            Bundle(bundle_folder),
            ShardPlan.open(plan_folder),
            [
                sidecar
                for folder in receipt_folders
                for sidecar in read_document(folder / RECEIPT, RECEIPT_SCHEMA)["shards"]
            ],
            max_rejected=max_rejected,
        )
        shards.save(output)
        record.use(f"shards/{shards.spec}")
        record.verdicts = ledger.counts(shards.entries)
        record.facts = {
            "shards_hash": shards.content_hash,
            "bytes": sum(int(s["bytes"]) for s in shards.shards),
        }
