"""What people see of a training while it runs; on rank 0 alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from monai.engines import SupervisedTrainer

from medgantry.loading.batches import Reader
from medgantry.tracking import TrackedRun
from medgantry.training.handlers.progress import Progress
from medgantry.training.handlers.tensorboard import TensorBoard
from medgantry.training.history import History, log_history, log_point
from medgantry.training.job import Job
from medgantry.training.validation import Validation

LEARNING = "learning"
"""Artifact folder of the pictures by which one sees the network learn."""


class Watching:
    """Curves, pictures and a line in the log, after every epoch.

    Args:
        job: The job.
        validation: Which can draw a case.
        reader: Of the case that is drawn: the first of the validation cases, the same in every epoch.
        tracked: Where it all goes.
        processes: How many train together.
    """

    def __init__(
        self, job: Job, validation: Validation, reader: Reader, tracked: TrackedRun, processes: int
    ) -> None:
        self._validation, self._reader, self._tracked = validation, reader, tracked
        self._case_id = min(job.validation, default="")
        self._processes = processes
        self._progress: Progress | None = None
        self._scratch = TemporaryDirectory(prefix="medgantry-watching-")
        self.folder = Path(self._scratch.name)
        self._board = TensorBoard(self.folder / "tensorboard") if job.options.tensorboard else None

    def attach(self, trainer: SupervisedTrainer) -> None:
        """Watch a trainer; without one, nothing is said of steps."""
        self._progress = Progress(self._validation.metric, self._processes)
        self._progress.attach(trainer)

    def resume(self, history: History) -> None:
        """Show what an earlier attempt measured."""
        log_history(self._tracked, history)
        print(f"Resuming after epoch {history.points[-1]['epoch']:g}.", flush=True)

    def publish(self, folder: str) -> Callable[[Path], None]:
        """What uploads a file to an artifact folder."""
        return lambda path: self._tracked.artifacts([path], folder)

    def speed(self, numbers: Mapping[str, float], epoch: int) -> None:
        """Show how fast an epoch was."""
        self._tracked.metrics(numbers, step=epoch)

    def update(self, history: History, network: torch.nn.Module) -> None:
        """Show an epoch."""
        point = history.points[-1]
        log_point(self._tracked, point)
        if self._board:
            self._board.update(point)
        if self._case_id:
            path = self.folder / f"epoch-{int(point['epoch']):04d}.png"
            self._validation.draw(network, self._reader.read(self._case_id), path)
            self._tracked.artifacts([path], LEARNING)
            path.unlink()
        if self._progress and point["epoch"]:
            self._progress.update(history.points)

    def close(self, network: torch.nn.Module) -> None:
        """Show the end: a scroll through the volume, by the best weights that the network now has."""
        if self._case_id:
            path = self.folder / "scroll.gif"
            if self._validation.scroll(network, self._reader.read(self._case_id), path):
                self._tracked.artifacts([path], LEARNING)
        if self._board:
            self._board.close()
            self._tracked.artifacts(sorted((self.folder / "tensorboard").iterdir()), "tensorboard")
        self._scratch.cleanup()
