"""The training step: reuse, or launch and wait for the worker's own result."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import MedgantryError
from medgantry.sharding import ShardSet
from medgantry.steps import StepRecord, run_id
from medgantry.storage import ObjectStore, fetch_folder, folder_exists, publish_folder
from medgantry.tracking import TrackedRun
from medgantry.training.history import History, log_history
from medgantry.training.job import Job, make_job
from medgantry.training.launchers.choose import launch
from medgantry.training.launchers.placement import Placement
from medgantry.training.options import TrainOptions


def train(
    cohort: Cohort,
    shards: ShardSet,
    bundle: Bundle,
    output: Path,
    *,
    seed: int,
    ranks: int,
    launcher: str,
    placement: Placement,
    options: TrainOptions,
    store: ObjectStore,
    record: StepRecord,
) -> History:
    """Train a bundle on the cohort's training cases, or take the result of an equal training.

    Args:
        cohort: With a split.
        shards: Of this cohort, made with this bundle's transforms.
        bundle: What to train; weights in it are where training begins.
        output: Where the trained bundle appears.
        seed: Seeds weights, order and augmentation.
        ranks: Processes.
        launcher: One of `launchers.choose.LAUNCHERS`.
        placement: What the training asks of a cluster.
        options: How to train.
        store: The store.
        record: The step's record.

    Returns:
        The curves.
    """
    job = make_job(cohort, shards, bundle, seed=seed, ranks=ranks, options=options)
    record.use(job.prefix)
    record.use(f"shards/{shards.spec}")
    tracked = TrackedRun(job.tracked_as(run_id()))
    _describe(tracked, job, bundle)
    record.reused = folder_exists(store, job.result)
    if not record.reused:
        publish_folder(store, f"{job.prefix}/input", bundle.folder)
        job.save(store)
        launch(launcher, job, placement, record)
        if not folder_exists(store, job.result):
            raise MedgantryError("The workers ended without a result.", "Look at the step's log.")
    fetch_folder(store, job.result, output)
    history = History.open(output)
    log_history(tracked, history)
    record.facts |= {"training": job.key, "best_epoch": history.best_epoch, "mlflow_run": tracked.run_id}
    return history


def _describe(tracked: TrackedRun, job: Job, bundle: Bundle) -> None:
    config = bundle.train_config
    settings = {key: value for key, value in config.items() if isinstance(value, int | float | str | list)}
    tracked.params({**settings, "seed": job.seed, "ranks": job.ranks, "cases_train": len(job.train)})
    tracked.params({f"train_options.{key}": value for key, value in job.options.document().items()})
    tracked.params({f"provenance.{key}": value for key, value in job.provenance.items()})
    for context, cases in (("train", job.train), ("validation", job.validation)):
        facts = {"cases": len(cases), "split_hash": job.provenance["split_hash"]}
        tracked.dataset(f"cohort-{context}", job.provenance["cohort_hash"], job.prefix, facts)
