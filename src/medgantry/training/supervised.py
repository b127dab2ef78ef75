"""A training by a bundle's own trainer, from the last checkpoint to the end."""

from collections.abc import Iterator
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import SupervisedTrainer
from torch.nn.parallel import DistributedDataParallel

from medgantry.augmentation import BatchTransforms
from medgantry.training.checkpoint import restore_trainer, trainer_state
from medgantry.training.compiled import naming_compile_errors
from medgantry.training.fast_path import take_fast_path
from medgantry.training.handlers.augmentation_trace import AugmentationTrace
from medgantry.training.handlers.batch_augmentation import BatchAugmentation
from medgantry.training.handlers.determinism import StepSeeds
from medgantry.training.handlers.early_stopping import EarlyStopping
from medgantry.training.handlers.finite_loss import FiniteLoss
from medgantry.training.handlers.learning_rate import LearningRate
from medgantry.training.handlers.memory import naming_memory_settings
from medgantry.training.handlers.profile import Profile
from medgantry.training.handlers.speed import Speed
from medgantry.training.handlers.stop_signal import EXIT_CODE, StopSignal
from medgantry.training.rank import Rank


class SupervisedTraining:
    """MONAI's SupervisedTrainer as the bundle makes it, fed and guarded by us.

    Args:
        rank: This one.
    """

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        self.trainer: SupervisedTrainer = rank.recipe.trainer(rank.feed.loader)
        self.network: torch.nn.Module = self.trainer.network
        rank.begin(self.network)
        precision = take_fast_path(self.trainer, rank.recipe, rank.job.options)
        self._settings = {**rank.recipe.settings, "precision": precision}
        if rank.processes > 1:
            self.trainer.network = DistributedDataParallel(self.network)
        self._scheduler = rank.recipe.scheduler()
        self._losses, self._rate = FiniteLoss(rank.agreement), LearningRate()
        self._stop = StopSignal(rank.agreement)
        self._patience = self._early_stopping()
        transforms = rank.recipe.batch_transforms()
        self._augmentation = (
            BatchAugmentation(BatchTransforms(transforms), rank.job.seed) if transforms else None
        )
        self.trainer.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)
        for handler in (
            StepSeeds(rank.job.seed, rank.number),
            *self._measuring(),  # before the batch is augmented: that is part of a step
            self._augmentation,
            self._losses,
            self._rate,
            self._stop,
            self._patience,
            rank.watching,
        ):
            if handler is not None:
                handler.attach(self.trainer)
        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)

    def _early_stopping(self) -> EarlyStopping | None:
        options = self._rank.job.options
        if not options.patience:
            return None
        return EarlyStopping(
            self._rank.validation.metric,
            patience=options.patience,
            min_delta=options.min_delta,
            agreement=self._rank.agreement,
        )

    def _measuring(self) -> Iterator[Speed | Profile | AugmentationTrace]:
        """What measures on rank 0 and publishes it."""
        rank, options, watching = self._rank, self._rank.job.options, self._rank.watching
        if watching is None:
            return
        yield Speed(rank.feed.loader, rank.recipe.device, watching.speed)
        if options.profile:
            yield Profile(options.profile, watching.folder / "trace.json.gz", watching.publish("profile"))
        if options.trace_augmentation:
            yield AugmentationTrace(
                options.trace_augmentation,
                rank.recipe.random,
                rank.feed.reader.read,
                self._augmentation,
                seed=rank.job.seed,
                came=rank.feed.order.cases,
                path_of=lambda epoch: watching.folder / f"augmentation-{epoch:04d}.json",
                publish=watching.publish("augmentation"),
            )

    def run(self) -> None:
        """Train to the end, then publish the result.

        Raises:
            SystemExit: With 143, after a checkpoint, when the process was told to stop.
        """
        with self._stop, naming_memory_settings(self._settings), naming_compile_errors():
            self._resume()
            if not self._is_over():
                self.trainer.run()
            if self._stop.agreed:
                self._leave()
        self._rank.finish(self.network)

    def _resume(self) -> None:
        state = self._rank.resume()
        if state is None:
            self._rank.look(self.network, 0, {})
            return
        restore_trainer(self.trainer, self.network, self._scheduler, state)
        self._losses.resume(state["losses"])

    def _is_over(self) -> bool:
        if self._stop.ask():
            return True
        history = self._rank.outcome.history
        if self._patience and self._patience.update(history.points):
            return True
        return self._rank.outcome.epochs >= int(self.trainer.state.max_epochs)

    def _begin_epoch(self, engine: Engine) -> None:
        self._rank.feed.loader.epoch = engine.state.epoch

    def _end_epoch(self, engine: Engine) -> None:
        numbers = {"train_loss": self._losses.mean(), **self._rate.values}
        if self._stop.ask():  # a validation may take longer than we are given
            self._leave()
        self._rank.look(self.network, engine.state.epoch, numbers)
        self._rank.save(engine.state.epoch, self._state([]))
        if self._patience:
            self._patience.update(self._rank.outcome.history.points)

    def _leave(self) -> None:
        """Keep what was learned in an epoch that is not over, and end."""
        epochs = self._rank.outcome.epochs
        step = int(self.trainer.state.iteration) - epochs * int(self.trainer.state.epoch_length)
        self._rank.save(epochs, self._state(self._losses.losses() if step else []), step)
        raise SystemExit(EXIT_CODE)

    def _state(self, losses: list[float]) -> dict[str, Any]:
        return {**trainer_state(self.trainer, self.network, self._scheduler), "losses": losses}
