"""What the random transforms drew for named cases, as JSON."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.transforms import Compose, Randomizable, Transform

from medgantry.errors import InvalidInput
from medgantry.loading.seeds import derive_seed
from medgantry.training.handlers.batch_augmentation import BatchAugmentation

_LONGEST = 32
"""Numbers of one parameter that are written out; a field of noise is described instead."""


class AugmentationTrace:
    """After every epoch, a file of what the named cases went through, on whatever rank. Attached on rank 0 alone.

    A sample's randomness is a function of (seed, epoch, case), so what was drawn is found by transforming the case
    once more, beside the loader and its threads. A parameter is what its `randomize` left in a transform, or in one that
    it is made of: names and units are MONAI's; `[n]` counts where it draws several times: for several
    crops, or anew, and then the last is in force.

    Args:
        cases: Case ids to trace.
        transforms: The random ones as they came from the config, not used yet.
        read: Gives a case's tensors, as the loader gets them.
        augmentation: What transforms whole batches after that; None for nothing.
        seed: Of the training.
        came: Epoch -> the cases of all ranks that come in it.
        path_of: Epoch -> the file to write.
        publish: Gets each file.

    Raises:
        InvalidInput: If no case is named.
    """

    def __init__(
        self,
        cases: Sequence[str],
        transforms: Compose,
        read: Callable[[str], Mapping[str, torch.Tensor]],
        augmentation: BatchAugmentation | None,
        *,
        seed: int,
        came: Callable[[int], Collection[str]],
        path_of: Callable[[int], Path],
        publish: Callable[[Path], None],
    ) -> None:
        if not cases:
            raise InvalidInput("trace_augmentation needs cases, none is named.", "Name training cases.")
        self._cases, self._seed, self._came = frozenset(cases), seed, came
        self._transforms, self._read, self._augmentation = deepcopy(transforms), read, augmentation
        self._path_of, self._publish = path_of, publish

    def attach(self, engine: Engine) -> None:
        """Write after the epochs of a trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)

    def replay(self, epoch: int, case_id: str) -> dict[str, Any]:
        """What one case goes through in an epoch: its seed, and in order each random transform of each crop."""
        seed = derive_seed(self._seed, epoch, case_id)
        transforms = deepcopy(self._transforms)
        transforms.set_random_state(seed=seed)
        calls: list[dict[str, Any]] = []
        _listen(transforms, calls)
        sample = transforms(dict(self._read(case_id)))
        if self._augmentation:
            for crop in range(len(sample) if isinstance(sample, list) else 1):
                drawn = self._augmentation.trace(epoch, case_id, crop)
                calls += [{"crop": crop, **entry} for entry in drawn]
        return {"case_id": case_id, "epoch": epoch, "seed": seed, "transforms": calls}

    def _write(self, engine: Engine) -> None:
        epoch = engine.state.epoch
        traces = [
            self.replay(epoch, case_id) for case_id in sorted(self._cases.intersection(self._came(epoch)))
        ]
        if traces:
            path = self._path_of(epoch)
            path.write_text(json.dumps(traces, indent=1))
            self._publish(path)


class _Listened:
    """A random transform that notes each of its calls."""

    def __init__(self, transform: Randomizable, calls: list[dict[str, Any]]) -> None:
        self._transform, self._calls = transform, calls
        self._owners = list(_owners("", transform))
        self._untouched = [deepcopy(_attributes(owner)) for _, owner in self._owners]
        self._draws: list[list[dict[str, Any]]] = []
        for index, (_, owner) in enumerate(self._owners):
            if isinstance(owner, Randomizable):
                vars(owner)["randomize"] = partial(self._randomize, index, owner.randomize)
        self._times = 0

    def __call__(self, data: Any, **options: Any) -> Any:
        self._draws = [[] for _ in self._owners]
        result = self._transform(data, **options)
        applied = bool(getattr(self._transform, "_do_transform", True))
        self._calls.append(
            {
                "transform": type(self._transform).__name__,
                "crop": self._times,
                "applied": applied,
                "parameters": self._parameters() if applied else {},
            }
        )
        self._times += 1
        return result

    def _randomize(self, index: int, randomize: Callable[..., None], *args: Any, **options: Any) -> None:
        randomize(*args, **options)
        self._draws[index].append(self._drawn(index))

    def _drawn(self, index: int) -> dict[str, Any]:
        """What is other than before anything was drawn."""
        owner, before = self._owners[index][1], self._untouched[index]
        if not getattr(owner, "_do_transform", True):
            return {}
        described = {name: _describe(value) for name, value in _attributes(owner).items()}
        return {
            name.lstrip("_"): value
            for name, value in described.items()
            if value is not None and value != _describe(before.get(name))
        }

    def _parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        for index, (place, _) in enumerate(self._owners):
            draws = self._draws[index] or [self._drawn(index)]
            for number, drawn in enumerate(draws):
                suffix = f"[{number}]" if len(draws) > 1 else ""
                parameters |= {f"{place}{name}{suffix}": value for name, value in drawn.items()}
        return parameters


def _listen(compose: Compose, calls: list[dict[str, Any]]) -> None:
    """Put listeners in the place of a composition's random transforms, in nested ones too."""
    members = []
    for member in compose.transforms:
        if isinstance(member, Compose):  # also OneOf and its kind: whom they choose, is called
            _listen(member, calls)
        members.append(
            _Listened(member, calls)
            if isinstance(member, Randomizable) and not isinstance(member, Compose)
            else member
        )
    compose.transforms = members


def _owners(place: str, transform: Any) -> Iterator[tuple[str, Any]]:
    """A transform and those it is made of, by their place."""
    yield place, transform
    for name, value in vars(transform).items():
        if isinstance(value, Transform | Randomizable):
            yield from _owners(f"{place}{name}.", value)


def _attributes(owner: Any) -> dict[str, Any]:
    hidden = ("R", "_do_transform", "randomize")
    return {
        name: value
        for name, value in vars(owner).items()
        if name not in hidden and not isinstance(value, Transform | Randomizable)
    }


def _describe(value: Any) -> Any:
    """A parameter as JSON; None for what is no parameter."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, slice):
        return [value.start, value.stop]
    if isinstance(value, torch.Tensor):
        return _describe(value.detach().cpu().numpy())
    if isinstance(value, np.ndarray):
        if value.size <= _LONGEST:
            return value.tolist()
        return {
            "shape": list(value.shape),
            "mean": float(value.mean()),
            "std": float(value.std()),
            "sha256": hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest(),
        }
    if isinstance(value, list | tuple):
        return [_describe(item) for item in value]
    return None
