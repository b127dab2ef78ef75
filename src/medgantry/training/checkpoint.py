"""Checkpoints without pickle, and a pointer that only the newest attempt can move."""

import json
import math
import uuid
import warnings
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from medgantry.errors import InvalidBundle, ObjectMissing, PreconditionFailed, Superseded
from medgantry.fingerprint import canonical_json
from medgantry.storage import ObjectStore

_STATE = "state"
"""The one key of a file's metadata: with more than one, equal states would not give equal bytes."""


class Checkpoints:
    """A training's checkpoints under one prefix: each one object, safetensors with the rest as JSON in its header.

    The pointer `latest.json` moves by `If-Match`, after the state it names is there as a whole, and carries this
    attempt's token: an attempt that was thought dead and goes on writing finds the pointer moved and stops.
    """

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._token = uuid.uuid4().hex
        self._etag = ""
        self._latest = (0, 0)

    def resume(self) -> dict[str, Any] | None:
        """Take the training over; returns the last state, or None when there is none.

        Returns:
            What was saved, with `epoch` and `step` as `save` got them.
        """
        key = f"{self._prefix}/latest.json"
        try:
            etag = self._store.stat(key).etag
            pointer = json.loads(self._store.get_bytes(key))
        except ObjectMissing:
            self._etag = self._point({"name": "", "token": self._token})
            return None
        self._etag = etag
        self._etag = self._point({**pointer, "token": self._token})
        if not pointer["name"]:
            return None
        with TemporaryDirectory(prefix="medgantry-checkpoint-") as name:
            path = Path(name) / "state.safetensors"
            self._store.download(f"{self._prefix}/{pointer['name']}.safetensors", path)
            with safe_open(path, framework="pt") as file:
                document = json.loads(file.metadata()[_STATE])
            state: dict[str, Any] = _join(document, load_file(path))
        self._latest = (state["epoch"], state["step"])
        return state

    def save(self, epoch: int, state: dict[str, Any], step: int = 0) -> None:
        """Write a state, then move the pointer to it; older states but the previous one go.

        Args:
            epoch: How many epochs are over, validation included.
            state: Nested dictionaries, lists, tuples, tensors, numbers and texts.
            step: How many steps of the epoch after them are done. All of them: only its validation is missing.

        Raises:
            Superseded: If another attempt took over.
            InvalidBundle: If the state holds something else, by its place.
        """
        tensors: dict[str, torch.Tensor] = {}
        document = _split({**state, "epoch": epoch, "step": step}, tensors, "state")
        name = f"epoch-{epoch:05d}-{step:07d}-{self._token[:8]}"
        with TemporaryDirectory(prefix="medgantry-checkpoint-") as folder:
            path = Path(folder) / "state.safetensors"
            save_file(tensors, path, metadata={_STATE: canonical_json(document)})
            self._store.put_file(f"{self._prefix}/{name}.safetensors", path)
        self._etag = self._point({"name": name, "token": self._token})
        previous, self._latest = self._latest, (epoch, step)
        self._forget(previous)

    def _point(self, pointer: dict[str, str]) -> str:
        data = canonical_json(pointer).encode()
        try:
            return self._store.put_bytes(
                f"{self._prefix}/latest.json", data, if_absent=not self._etag, if_match=self._etag or None
            )
        except PreconditionFailed as error:
            raise Superseded("Another attempt of this training took over; this one stops.") from error

    def _forget(self, before: tuple[int, int]) -> None:
        # By position, never by token: an attempt that takes over in this moment writes later positions only.
        for item in list(self._store.list(f"{self._prefix}/epoch-")):
            _, epoch, step, _ = item.key.rsplit("/", 1)[-1].split("-")
            if (int(epoch), int(step)) < before:
                self._store.delete(item.key)


def trainer_state(trainer: SupervisedTrainer, network: torch.nn.Module, scheduler: Any) -> dict[str, Any]:
    """What a trainer has learned so far.

    Args:
        trainer: The bundle's.
        network: Its network, neither compiled nor distributed: names do not depend on how it is run.
        scheduler: Of the learning rate, or None.
    """
    return {
        "network": network.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": scheduler.state_dict() if scheduler is not None else {},
        "scaler": trainer.scaler.state_dict() if trainer.scaler is not None else {},
    }


def restore_trainer(
    trainer: SupervisedTrainer, network: torch.nn.Module, scheduler: Any, state: dict[str, Any]
) -> None:
    """The inverse of `trainer_state`, of a state from `Checkpoints.resume`: the trainer goes on where it was saved."""
    network.load_state_dict(state["network"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(state["scheduler"])
    if trainer.scaler is not None and state["scaler"]:
        trainer.scaler.load_state_dict(state["scaler"])
    trainer.state.epoch = state["epoch"]
    steps = trainer.state.epoch_length
    if state["step"] < steps:
        trainer.state.iteration = state["epoch"] * steps + state["step"]
    else:
        trainer.state.iteration = state["epoch"] * steps
        trainer.add_event_handler(Events.STARTED, _complete_epoch, state["epoch"])


def _complete_epoch(trainer: SupervisedTrainer, epochs: int) -> None:
    """The end of the epoch after `epochs`, whose steps are all done: ignite would begin them again."""
    if trainer.state.epoch != epochs:  # another run of this trainer
        return
    trainer.state.epoch += 1
    trainer.state.iteration += trainer.state.epoch_length
    trainer.fire_event(Events.EPOCH_STARTED)
    with warnings.catch_warnings():  # the steps were those of the process before
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
        trainer.fire_event(Events.EPOCH_COMPLETED)


def _split(value: Any, tensors: dict[str, torch.Tensor], place: str) -> Any:
    """Nested state as JSON, its tensors taken out; every type and every dictionary key comes back by `_join`."""
    if isinstance(value, torch.Tensor):
        name = f"{len(tensors):06d}"
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        kind = "counter" if isinstance(value, Counter) else "items"
        return {kind: [[key, _split(item, tensors, f"{place}.{key}")] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_split(item, tensors, f"{place}.{index}") for index, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InvalidBundle(
        f"A checkpoint holds tensors, numbers and texts, {place} is a {type(value).__name__}.",
        "Use an optimizer and a scheduler whose state_dict has nothing else; nothing is pickled.",
    )


def _join(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_join(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "float":
        return float(content)
    if kind == "tuple":
        return tuple(_join(item, tensors) for item in content)
    pairs = {key: _join(item, tensors) for key, item in content}
    return Counter(pairs) if kind == "counter" else pairs
