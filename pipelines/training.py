"""The training stretch that every training pipeline shares: shards, then workers.

A pipeline of its own because KFP does not bring a parameter that only sizes a task into an exit handler.
"""

from typing import Any

from kfp import dsl
from kfp.dsl.pipeline_task import PipelineTask

from components.train import train
from medgantry.artifacts import Bundle, Cohort
from pipelines.preprocessing import preprocessing
from pipelines.resources import with_retries, workers


def train_on(
    shards: Any,
    *,
    cohort: Any,
    bundle: Any,
    seed: int,
    ranks: int,
    train_options: str,
    launcher: str,
    queue: str,
    cpu: str,
    memory: str,
    gpus: int,
) -> PipelineTask:
    """Add the training itself to the pipeline that is being written, on pods of `cpu`, `memory` and `gpus`."""
    trained = train(
        cohort=cohort,
        shards=shards,
        bundle=bundle,
        seed=seed,
        ranks=ranks,
        options=train_options,
        launcher=launcher,
        queue=queue,
    )
    with_retries(workers(trained, cpu, memory, gpus))
    return trained


@dsl.pipeline(
    name="training",
    description="Shards, and workers that train a bundle on them, here or as a job of the cluster.",
)
def training(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
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
    """Preprocess with `memory`, train on pods of `cpu`, `train_memory` and `gpus`."""
    shards = preprocessing(
        cohort=cohort, bundle=bundle, shard_mib=shard_mib, max_rejected=max_rejected, memory=memory
    )
    trained = train_on(
        shards.output,
        cohort=cohort,
        bundle=bundle,
        seed=seed,
        ranks=ranks,
        train_options=train_options,
        launcher=launcher,
        queue=queue,
        cpu=cpu,
        memory=train_memory,
        gpus=gpus,
    )
    return trained.outputs["trained"]
