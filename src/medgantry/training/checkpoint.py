"""Checkpoints without pickle, and a pointer that only the newest attempt can move."""

import json
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from medgantry.errors import ObjectMissing, PreconditionFailed, Superseded
from medgantry.fingerprint import canonical_json
from medgantry.storage import ObjectStore

_TENSOR = "@tensor"


class Checkpoints:
    """A training's checkpoints under one prefix.

    The pointer `latest.json` moves by `If-Match` and carries this attempt's token: an attempt that was thought
    dead and goes on writing finds the pointer moved and stops.
    """

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._token = uuid.uuid4().hex
        self._etag = ""

    def resume(self) -> dict[str, Any] | None:
        """Take the training over; returns the last state, or None when there is none."""
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
            tensors = load_file(path)
            document = json.loads(self._store.get_bytes(f"{self._prefix}/{pointer['name']}.json"))
            state: dict[str, Any] = _join(document, tensors)
        return state

    def save(self, epoch: int, state: dict[str, Any]) -> None:
        """Write a state, then move the pointer to it; older states but the previous one go.

        Raises:
            Superseded: If another attempt took over.
        """
        tensors: dict[str, torch.Tensor] = {}
        document = _split(state, tensors)
        name = f"epoch-{epoch:05d}-{self._token[:8]}"
        with TemporaryDirectory(prefix="medgantry-checkpoint-") as folder:
            path = Path(folder) / "state.safetensors"
            save_file(tensors, path)
            self._store.put_file(f"{self._prefix}/{name}.safetensors", path)
        self._store.put_bytes(f"{self._prefix}/{name}.json", canonical_json(document).encode())
        self._etag = self._point({"name": name, "token": self._token})
        self._forget(epoch - 1)

    def _point(self, pointer: dict[str, str]) -> str:
        data = canonical_json(pointer).encode()
        try:
            return self._store.put_bytes(
                f"{self._prefix}/latest.json", data, if_absent=not self._etag, if_match=self._etag or None
            )
        except PreconditionFailed as error:
            raise Superseded("Another attempt of this training took over; this one stops.") from error

    def _forget(self, before: int) -> None:
        for item in list(self._store.list(f"{self._prefix}/epoch-")):
            if int(item.key.rsplit("/", 1)[-1].split("-")[1]) < before:
                self._store.delete(item.key)


def _split(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Nested state with its tensors taken out, each leaving its name; dictionary keys keep their type."""
    if isinstance(value, torch.Tensor):
        name = f"{len(tensors):06d}"
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, dict):
        return {"@items": [[key, _split(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_split(item, tensors) for item in value]
    return value


def _join(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensors[value[_TENSOR]]
        return {key: _join(item, tensors) for key, item in value["@items"]}
    if isinstance(value, list):
        return [_join(item, tensors) for item in value]
    return value
