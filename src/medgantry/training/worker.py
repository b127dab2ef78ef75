"""One rank of a training: `python -m medgantry.training.worker <job key>`, started by a launcher."""

import json
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.data import list_data_collate
from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.transforms import Compose
from torch.distributed.elastic.multiprocessing.errors import record
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PRETRAINED, PROVENANCE, WEIGHTS, look_up
from medgantry.bundles.parser import load_weights, part, training_parser
from medgantry.bundles.pretrained import load_pretrained
from medgantry.errors import InvalidBundle
from medgantry.fingerprint import canonical_json
from medgantry.processes import die_with_parent
from medgantry.steps import run_id
from medgantry.storage import ObjectStore, fetch_folder, publish_folder
from medgantry.tracking import TrackedRun
from medgantry.training.calibrate import calibrate
from medgantry.training.checkpoint import Checkpoints
from medgantry.training.class_validation import ClassValidation
from medgantry.training.history import History, log_history, log_point
from medgantry.training.job import Job
from medgantry.training.launchers.progress import PROGRESS_KEY
from medgantry.training.mask_validation import MaskValidation
from medgantry.training.samples import EpochOrder, Samples, ShardReader, derive_seed
from medgantry.training.validation import Validation, validate


class Worker:
    """A rank's part of a job.

    Args:
        job: The job.
        bundle: The bundle as it was before training, on this machine.
        cache: Folder for shards, shared by the ranks of this node.
        store: The store.
    """

    def __init__(self, job: Job, bundle: Bundle, cache: Path, store: ObjectStore) -> None:
        self.job, self.bundle, self.store = job, bundle, store
        self.rank = int(os.environ.get("RANK", "0"))
        self.ranks = int(os.environ.get("WORLD_SIZE", "1"))
        torch.manual_seed(job.seed)
        self.reader = ShardReader(job.shards, cache)
        self.parser = training_parser(bundle, job.regions, job.class_counts(len(bundle.outputs)))
        self.device = _device(self.parser)
        self.order = EpochOrder(
            job.train, seed=job.seed, rank=self.rank, ranks=self.ranks, balance=_balance(self.parser, job)
        )
        self.trainer = self._assemble()
        self.network: torch.nn.Module = self.trainer.network
        load_pretrained(bundle, self.network)
        if bundle.weights:
            load_weights(bundle, self.network)
        if self.ranks > 1:
            self.trainer.network = DistributedDataParallel(self.network)
        has_scheduler = look_up(self.parser.config, "lr_scheduler") is not None
        self.scheduler = part(self.parser, "lr_scheduler") if has_scheduler else None
        self.validation = _validation(bundle, self.parser, self.device)
        self.history = History()
        self.best_weights: dict[str, torch.Tensor] = {}
        self.checkpoints = Checkpoints(store, f"{job.prefix}/checkpoints") if self.rank == 0 else None
        self.tracked = TrackedRun(run_id()) if self.rank == 0 else None

    def _assemble(self) -> SupervisedTrainer:
        """The bundle's own trainer, fed from shards."""
        batch_size = int(part(self.parser, "train#dataloader#batch_size"))
        transforms = Compose(part(self.parser, "train#random_transforms"))
        loader = DataLoader(
            Samples(self.reader, transforms, self.job.seed),
            sampler=self.order,
            batch_size=batch_size,
            collate_fn=list_data_collate,
        )
        # The parser takes live objects: everything that refers to the data loader now gets ours.
        self.parser["train#dataloader"] = loader
        trainer = part(self.parser, "train#trainer")
        if not isinstance(trainer, SupervisedTrainer):
            raise InvalidBundle(
                f"train#trainer must be MONAI's SupervisedTrainer, found {type(trainer).__name__}."
            )
        return trainer

    def run(self) -> None:
        """Train from the last checkpoint to the end, then publish the result."""
        self._resume()
        if not self.history.points:
            self._validate(epoch=0, loss=None)
        self.trainer.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)
        # Before MONAI decollates the output into a list of samples.
        self.trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, self._add_loss)
        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        if self.trainer.state.epoch < self.trainer.state.max_epochs:
            self.trainer.run()
        if self.rank == 0:
            self._publish()

    def _resume(self) -> None:
        states: list[Any] = [self.checkpoints.resume() if self.checkpoints else None]
        if self.ranks > 1:
            dist.broadcast_object_list(states, src=0)
        state = states[0]
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.trainer.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.best_weights = state["best_weights"]
        self.history = History.from_document(state["history"])
        epoch = int(self.history.points[-1]["epoch"])
        self.trainer.state.epoch = epoch
        self.trainer.state.iteration = epoch * self.trainer.state.epoch_length
        if self.tracked:
            log_history(self.tracked, self.history)
            print(f"Resuming after epoch {epoch}.", flush=True)

    def _begin_epoch(self, engine: Engine) -> None:
        self.order.epoch = engine.state.epoch
        # Dropout and the like: from (seed, epoch, rank), so that a resumed run draws what an undisturbed one did.
        torch.manual_seed(derive_seed(self.job.seed, engine.state.epoch, f"rank {self.rank}"))
        self._losses: list[torch.Tensor] = []

    def _add_loss(self, engine: Engine) -> None:
        self._losses.append(engine.state.output["loss"].detach())

    def _end_epoch(self, engine: Engine) -> None:
        loss = torch.stack(self._losses).double().mean()
        if self.ranks > 1:
            dist.all_reduce(loss)
            loss /= self.ranks
        self._validate(epoch=engine.state.epoch, loss=float(loss))
        if self.checkpoints:
            self.checkpoints.save(engine.state.epoch, self._state())
            progress = [engine.state.epoch, engine.state.max_epochs, "epochs"]
            print(json.dumps({PROGRESS_KEY: progress}), flush=True)

    def _validate(self, epoch: int, loss: float | None) -> None:
        point: dict[str, float] = {"epoch": epoch} if loss is None else {"epoch": epoch, "train_loss": loss}
        rows: list[dict[str, Any]] = []
        if self.job.validation:
            rows = validate(
                self.validation,
                self.network,
                self.reader,
                self.job.validation,
                rank=self.rank,
                ranks=self.ranks,
            )
            point |= self.validation.summarise(rows)
        self.history.points.append(point)
        # Without validation cases, or with cases of one class alone, the last epoch is taken.
        metric = point.get(self.validation.metric, float(epoch))
        if metric > self.history.best_metric:
            self.history.best_metric, self.history.best_epoch = metric, epoch
            self.history.validation = rows
            weights = self.network.state_dict()
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
        if self.tracked:
            log_point(self.tracked, point)

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.trainer.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler is not None else {},
            "best_weights": self.best_weights,
            "history": self.history.document(),
        }

    def _publish(self) -> None:
        folder = self.bundle.folder
        (folder / WEIGHTS).parent.mkdir(exist_ok=True)
        (folder / PRETRAINED).unlink(missing_ok=True)
        torch.save(self.best_weights, folder / WEIGHTS)
        (folder / "history.json").write_text(canonical_json(self.history.document()))
        provenance: Mapping[str, Any] = {
            **self.job.provenance,
            "training": self.job.key,
            "groups": list(self.job.groups),
            "best_epoch": self.history.best_epoch,
            "label_map": dict(self.job.label_map),
            "regions": dict(self.job.regions),
        }
        if self.bundle.task == "classification" and self.history.validation:
            provenance = {**provenance, "calibration": calibrate(self.bundle, self.history.validation)}
        (folder / PROVENANCE).write_text(canonical_json(provenance))
        publish_folder(self.store, f"{self.job.prefix}/bundle", folder)


def _balance(parser: ConfigParser, job: Job) -> Mapping[str, int]:
    """Case -> class, where the config's `sampling` is `balanced`."""
    sampling = look_up(parser.config, "sampling")
    if sampling not in (None, "natural", "balanced"):
        raise InvalidBundle(f"sampling must be natural or balanced, got {sampling!r}.")
    if sampling != "balanced":
        return {}
    if not job.classes:
        raise InvalidBundle("sampling: balanced needs classes, and this bundle has none.", "Use natural.")
    return {case_id: job.classes[case_id] for case_id in job.train}


def _validation(bundle: Bundle, parser: ConfigParser, device: torch.device) -> Validation:
    inferer = part(parser, "validate#inferer")
    if bundle.task == "classification":
        return ClassValidation(bundle.outputs, inferer, device)
    return MaskValidation(bundle.outputs, inferer, part(parser, "validate#postprocessing"), device)


def _device(parser: ConfigParser) -> torch.device:
    device = torch.device(part(parser, "device"))
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return device


@record
def main(key: str) -> None:
    """Run one rank."""
    die_with_parent()
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    store = ObjectStore.from_environment()
    job = Job.load(store, key)
    torch.set_num_threads(job.threads)
    if job.ranks > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    cache = Path(os.environ.get("MEDGANTRY_CACHE", gettempdir())) / "medgantry-shards"
    with TemporaryDirectory(prefix="medgantry-worker-") as name:
        folder = Path(name) / "bundle"
        fetch_folder(store, f"{job.prefix}/input", folder)
        worker = Worker(job, Bundle(folder), cache, store)
        monitor = worker.tracked.system_metrics() if worker.tracked else None
        try:
            worker.run()
        finally:
            if monitor:
                monitor.finish()
            if job.ranks > 1:
                dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
