"""The training stretch that every training pipeline shares.

A pipeline of its own because KFP does not bring a parameter that only sizes a task into an exit handler.
"""

from kfp import dsl

from components.train import train
from medgantry.artifacts import Bundle, Cohort, ShardSet
from pipelines.resources import with_retries, workers


@dsl.pipeline(name="training", description="Workers that train a bundle, here or as a job of the cluster.")
def training(
    cohort: dsl.Input[Cohort],
    shards: dsl.Input[ShardSet],
    bundle: dsl.Input[Bundle],
    seed: int = 0,
    ranks: int = 1,
    launcher: str = "auto",
    queue: str = "",
    cpu: str = "4",
    memory: str = "16Gi",
    gpus: int = 0,
) -> Bundle:
    """Train on pods of `cpu`, `memory` and `gpus`."""
    trained = train(
        cohort=cohort, shards=shards, bundle=bundle, seed=seed, ranks=ranks, launcher=launcher, queue=queue
    )
    with_retries(workers(trained, cpu, memory, gpus))
    return trained.outputs["trained"]
