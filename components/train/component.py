"""The component `train`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, ShardSet


@dsl.component(
    base_image=images.TORCH,
    install_kfp_package=False,
    # What is asked of this task is for the workers: the step itself only watches them. KFP wants its variables
    # listed too; the launcher gives the workers theirs.
    task_config_passthroughs=[
        dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.ENV, apply_to_task=True),
        dsl.TaskConfigField.RESOURCES,
        dsl.TaskConfigField.KUBERNETES_TOLERATIONS,
        dsl.TaskConfigField.KUBERNETES_NODE_SELECTOR,
        dsl.TaskConfigField.KUBERNETES_AFFINITY,
        dsl.TaskConfigField.KUBERNETES_VOLUMES,
    ],
)
def train(
    cohort: dsl.Input[Cohort],
    shards: dsl.Input[ShardSet],
    bundle: dsl.Input[Bundle],
    trained: dsl.Output[Bundle],
    metrics: dsl.Output[dsl.Metrics],
    seed: int = 0,
    ranks: int = 1,
    options: str = "",
    launcher: str = "auto",
    queue: str = "",
    queued_hours: float = 24.0,
    running_hours: float = 72.0,
    task_config: dsl.TaskConfig = None,
):
    """Train a bundle on a cohort's training cases, resuming where an earlier attempt stopped.

    Args:
        cohort: With a split.
        shards: Of this cohort, made with this bundle's transforms.
        bundle: What to train.
        seed: Seeds weights, order and augmentation.
        ranks: Processes that train together.
        options: JSON object: precision, cache, patience, deterministic, profile and others of docs/training.md.
        launcher: auto, torchrun (in the step's own pod), pytorchjob or trainjob.
        queue: Kueue's LocalQueue; empty for none.
        queued_hours: How long the job may wait to run.
        running_hours: How long it may run.
        task_config: What this task asks for, passed on to the workers by KFP.

    Returns:
        trained: The bundle with the best epoch's weights and their provenance.
        metrics: The best epoch's loss and validation Dice.
    """
    from pathlib import Path

    from medgantry.training.step import train_step

    folders = Path(cohort.path), Path(shards.path), Path(bundle.path), Path(trained.path)
    hours = {"queued_hours": queued_hours, "running_hours": running_hours}
    place = {"task": task_config, "queue": queue, **hours}
    how = {"seed": seed, "ranks": ranks, "options": options, "launcher": launcher}
    best = train_step(*folders, **how, place=place)
    for name, value in best.items():
        metrics.log_metric(name, value)
