"""What a rank of any training has: its samples, its share of the validation, and what came of it so far."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from medgantry.bundles import Bundle
from medgantry.bundles.parser import load_weights
from medgantry.bundles.pretrained import load_pretrained
from medgantry.bundles.recipe import Recipe
from medgantry.steps import run_id
from medgantry.storage import ObjectStore
from medgantry.tracking import TrackedRun
from medgantry.training.checkpoint import Checkpoints
from medgantry.training.feed import Feed
from medgantry.training.handlers.agreement import Agreement
from medgantry.training.handlers.determinism import make_deterministic
from medgantry.training.job import Job
from medgantry.training.outcome import Outcome
from medgantry.training.result import publish_result
from medgantry.training.validation import validate
from medgantry.training.validations import validation_of
from medgantry.training.watching import Watching


class Rank:
    """One process of a job.

    Args:
        job: The job.
        bundle: The bundle as it was before training, on this machine.
        cache: Folder for shards, shared by the ranks of this node.
        store: The store.
    """

    def __init__(self, job: Job, bundle: Bundle, cache: Path, store: ObjectStore) -> None:
        self.job, self.bundle, self._store = job, bundle, store
        self.number = int(os.environ.get("RANK", "0"))
        self.processes = int(os.environ.get("WORLD_SIZE", "1"))
        if job.options.deterministic:
            make_deterministic(job.seed)
        torch.manual_seed(job.seed)
        self.agreement = Agreement()
        self.recipe = Recipe(bundle, job.regions, job.class_counts(len(bundle.outputs)), device=_device())
        self.feed = Feed(job, self.recipe, cache, process=self.number, processes=self.processes)
        self.validation = validation_of(bundle, self.recipe)
        self.outcome = Outcome(self.validation.metric)
        self.checkpoints: Checkpoints | None = None
        self.tracked: TrackedRun | None = None
        self.watching: Watching | None = None
        if self.number == 0:
            self.checkpoints = Checkpoints(store, f"{job.prefix}/checkpoints")
            self.tracked = TrackedRun(job.tracked_as(run_id()))
            self.watching = Watching(job, self.validation, self.feed.reader, self.tracked, self.processes)

    def begin(self, network: torch.nn.Module) -> None:
        """Load what the bundle brings: weights of another task, or of its own."""
        load_pretrained(self.bundle, network)
        if self.bundle.weights:
            load_weights(self.bundle, network)

    def resume(self) -> dict[str, Any] | None:
        """Take the training over; returns the last state on every rank, None when there is none."""
        state: dict[str, Any] | None = self.agreement.from_first(
            self.checkpoints.resume() if self.checkpoints else None
        )
        if state is not None:
            self.outcome.restore(state["outcome"])
            self.feed.loader.load_state_dict(state["loader"])
            if self.watching:
                self.watching.resume(self.outcome.history)
        return state

    def look(self, network: torch.nn.Module, epoch: int, numbers: Mapping[str, float]) -> dict[str, float]:
        """Validate, and note what came of an epoch. Every rank must look.

        Args:
            network: Neither compiled nor distributed.
            epoch: That is over; 0 is the untrained network.
            numbers: Of the epoch, such as `train_loss`.

        Returns:
            The epoch's point of the curves.
        """
        point: dict[str, float] = {"epoch": epoch, **numbers}
        rows: list[dict[str, Any]] = []
        if self.job.validation:
            rows = validate(
                self.validation,
                network,
                self.feed.reader,
                self.job.validation,
                rank=self.number,
                ranks=self.processes,
            )
            point |= self.validation.summarise(rows)
        self.outcome.add(point, rows, network)
        if self.watching:
            self.watching.update(self.outcome.history, network)
        return point

    def save(self, epochs: int, state: Mapping[str, Any], step: int = 0) -> None:
        """Write a checkpoint of all that is here and of what the training adds; rank 0 does."""
        if self.checkpoints:
            here = {"outcome": self.outcome.state(), "loader": self.feed.loader.state_dict()}
            self.checkpoints.save(epochs, {**state, **here}, step)

    def finish(self, network: torch.nn.Module) -> None:
        """Publish the best epoch's weights; rank 0 does."""
        if self.watching:
            network.load_state_dict(self.outcome.best_weights)
            self.watching.close(network)
            publish_result(self.job, self.bundle, self.outcome, self._store)


def _device() -> torch.device | None:
    """This process's own, where there are GPUs."""
    if not torch.cuda.is_available():
        return None
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device
