"""The component `train`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, ShardSet


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def train(
    cohort: dsl.Input[Cohort],
    shards: dsl.Input[ShardSet],
    bundle: dsl.Input[Bundle],
    trained: dsl.Output[Bundle],
    metrics: dsl.Output[dsl.Metrics],
    seed: int = 0,
    ranks: int = 1,
    launcher: str = "auto",
):
    """Train a bundle on a cohort's training cases, resuming where an earlier attempt stopped.

    Args:
        cohort: With a split.
        shards: Of this cohort, made with this bundle's transforms.
        bundle: What to train.
        seed: Seeds weights, order and augmentation.
        ranks: Processes that train together.
        launcher: auto or torchrun.

    Returns:
        trained: The bundle with the best epoch's weights and their provenance.
        metrics: The best epoch's loss and validation Dice.
    """
    from pathlib import Path

    from medgantry.training.step import train_step

    folders = Path(cohort.path), Path(shards.path), Path(bundle.path), Path(trained.path)
    best = train_step(*folders, seed=seed, ranks=ranks, launcher=launcher)
    for name, value in best.items():
        metrics.log_metric(name, value)
