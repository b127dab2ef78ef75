"""The step `train`."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.sharding import ShardSet
from medgantry.steps import step
from medgantry.storage import ObjectStore
from medgantry.training.launchers.placement import Placement
from medgantry.training.train import train


def train_step(
    cohort_folder: Path,
    shards_folder: Path,
    bundle_folder: Path,
    output: Path,
    *,
    seed: int,
    ranks: int,
    launcher: str,
    queue: str,
    queued_hours: float,
    running_hours: float,
    task: object,
) -> dict[str, float]:
    """Train; returns the best epoch's numbers that are finite, for KFP's Metrics."""
    with step("train") as record:
        history = train(
            Cohort.open(cohort_folder),
            ShardSet.open(shards_folder),
            Bundle(bundle_folder),
            output,
            seed=seed,
            ranks=ranks,
            launcher=launcher,
            placement=Placement.from_task(
                task, queue=queue, queued_hours=queued_hours, running_hours=running_hours
            ),
            store=ObjectStore.from_environment(),
            record=record,
        )
        return next((p for p in history.points if p["epoch"] == history.best_epoch), {})
