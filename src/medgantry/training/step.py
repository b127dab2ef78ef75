"""The step `train`."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.sharding import ShardSet
from medgantry.steps import step
from medgantry.storage import ObjectStore
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
            store=ObjectStore.from_environment(),
            record=record,
        )
        return next((p for p in history.points if p["epoch"] == history.best_epoch), {})
