"""The step `train`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.sharding import ShardSet
from medgantry.steps import step
from medgantry.storage import ObjectStore
from medgantry.training.launchers.placement import Placement
from medgantry.training.options import parse_options
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
    options: str,
    place: Mapping[str, Any],
) -> dict[str, float]:
    """Train as `options` say, in JSON, where `place` says, the arguments of `Placement.from_task`.

    Returns:
        The best epoch's numbers that are finite, for KFP's Metrics.
    """
    cohort = Cohort.open(cohort_folder)
    with step("train", iteration=int(cohort.provenance.get("fold", -1))) as record:
        history = train(
            cohort,
            ShardSet.open(shards_folder),
            Bundle(bundle_folder),
            output,
            seed=seed,
            ranks=ranks,
            launcher=launcher,
            placement=Placement.from_task(**place),
            options=parse_options(options),
            store=ObjectStore.from_environment(),
            record=record,
        )
        return next((p for p in history.points if p["epoch"] == history.best_epoch), {})
