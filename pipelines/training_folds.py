"""The training stretch as a cross-validation: shards once, a network per fold, and an ensemble of them.

A fold is a pipeline of its own because KFP does not bring a parameter that only sizes a task into a loop.
"""

from kfp import dsl

from components.combine_folds import combine_folds
from components.plan_folds import plan_folds
from components.take_fold import take_fold
from medgantry.artifacts import Bundle, Cohort, ShardSet
from pipelines.preprocessing import preprocessing
from pipelines.resources import light
from pipelines.training import train_on


@dsl.pipeline(name="training-fold", description="One network of a cross-validation.")
def training_fold(
    cohort: dsl.Input[Cohort],
    shards: dsl.Input[ShardSet],
    bundle: dsl.Input[Bundle],
    folds: int,
    index: int,
    seed: int,
    stratify_by: str,
    ranks: int,
    train_options: str,
    launcher: str,
    queue: str,
    cpu: str,
    memory: str,
    gpus: int,
) -> Bundle:
    """Train on all folds but one, on pods of `cpu`, `memory` and `gpus`."""
    taken = light(take_fold(cohort=cohort, folds=folds, index=index, seed=seed, stratify_by=stratify_by))
    trained = train_on(
        shards,
        cohort=taken.outputs["taken"],
        bundle=bundle,
        seed=seed,
        ranks=ranks,
        train_options=train_options,
        launcher=launcher,
        queue=queue,
        cpu=cpu,
        memory=memory,
        gpus=gpus,
    )
    return trained.outputs["trained"]


@dsl.pipeline(
    name="training-folds",
    description="Shards once, a network per fold side by side, and an ensemble of them.",
)
def training_folds(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    folds: int = 5,
    rule: str = "mean",
    test_time_augmentation: str = "none",
    stratify_by: str = "",
    shard_mib: float = 256.0,
    max_rejected: float = 0.2,
    seed: int = 0,
    ranks: int = 1,
    train_options: str = "",
    launcher: str = "auto",
    queue: str = "",
    cpu: str = "4",
    memory: str = "8Gi",
    train_memory: str = "16Gi",
    gpus: int = 0,
) -> Bundle:
    """One fold is the training as it is without folds: its bundle comes out."""
    shards = preprocessing(
        cohort=cohort, bundle=bundle, shard_mib=shard_mib, max_rejected=max_rejected, memory=memory
    )
    planned = light(plan_folds(cohort=cohort, folds=folds))
    with dsl.ParallelFor(planned.output, parallelism=8) as index:
        fold = training_fold(
            cohort=cohort,
            shards=shards.output,
            bundle=bundle,
            folds=folds,
            index=index,
            seed=seed,
            stratify_by=stratify_by,
            ranks=ranks,
            train_options=train_options,
            launcher=launcher,
            queue=queue,
            cpu=cpu,
            memory=train_memory,
            gpus=gpus,
        )
    combined = combine_folds(
        cohort=cohort,
        bundles=dsl.Collected(fold.output),
        rule=rule,
        test_time_augmentation=test_time_augmentation,
    )
    light(combined)
    return combined.outputs["combined"]
