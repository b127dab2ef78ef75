"""Putting a batch together from its cases, each by whichever thread takes it."""

import copy
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose

from medgantry.errors import InvalidInput
from medgantry.loading.buffers import Buffers
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.delivery import Delivery, Tensors
from medgantry.loading.seeds import derive_seed
from medgantry.sharding.encoding import decode


class Reader(Protocol):
    """What gives the stored tensors of a case: a `CaseReader`, or a cache around one."""

    @property
    def content_hash(self) -> str:
        """Of all that can be read."""

    def begin_epoch(self, epoch: int) -> None:
        """Told before the first case of an epoch is read."""

    def read(self, case_id: str) -> dict[str, torch.Tensor]:
        """As `CaseReader.read`; the caller may change the tensors."""


class Batch(Protocol):
    """One batch in the making."""

    def add(self, place: int) -> None:
        """Read and transform the case at a place; called once for each, from any thread."""

    def finish(self) -> tuple[Tensors, list[str]]:
        """The tensors, and the case of every item, after all were added."""


class RandomTransforms:
    """A bundle's random transforms, with a copy for every thread: their random state is the object's.

    Args:
        transforms: The bundle's.
        seed: Of the training.
    """

    def __init__(self, transforms: Compose, seed: int) -> None:
        self._transforms, self._seed = transforms, seed
        self._of_thread = threading.local()

    def __call__(self, epoch: int, case_id: str, tensors: Tensors) -> list[Tensors]:
        """The case as it looks in this epoch, in one or several crops; what is no number is left out."""
        if not hasattr(self._of_thread, "transforms"):
            self._of_thread.transforms = copy.deepcopy(self._transforms)
        transforms: Compose = self._of_thread.transforms
        transforms.set_random_state(seed=derive_seed(self._seed, epoch, case_id))
        sample: Any = transforms(tensors)
        return [_plain(crop) for crop in (sample if isinstance(sample, list) else [sample])]


class TransformedBatch:
    """Cases read, and transformed at random.

    Args:
        cases: Their ids.
        epoch: Counted from 1.
        reader: What reads them.
        transforms: What transforms them.
        buffers: Memory for the batch.
        delivery: What it is for.
    """

    def __init__(
        self,
        cases: Sequence[str],
        epoch: int,
        reader: Reader,
        transforms: RandomTransforms,
        buffers: Buffers,
        delivery: Delivery,
    ) -> None:
        self._cases, self._epoch, self._reader, self._transforms = cases, epoch, reader, transforms
        self._buffers, self._delivery = buffers, delivery
        self._crops: list[list[Tensors]] = [[] for _ in cases]

    def add(self, place: int) -> None:
        """Read and transform the case at a place."""
        case_id = self._cases[place]
        self._crops[place] = self._transforms(self._epoch, case_id, self._reader.read(case_id))

    def finish(self) -> tuple[Tensors, list[str]]:
        """All crops of all cases (crops, C, ...), in the order of the cases."""
        names = [case_id for case_id, crops in zip(self._cases, self._crops, strict=True) for _ in crops]
        crops = [crop for crops in self._crops for crop in crops]
        for name, crop in zip(names, crops, strict=True):
            _check_alike(names[0], _shapes(crops[0]), name, _shapes(crop))
        return {key: self._stacked([crop[key] for crop in crops]) for key in crops[0]}, names

    def _stacked(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        first = rows[0]
        if first.device.type != "cpu":
            return torch.stack(list(rows))
        dtype = first.dtype
        if first.ndim:
            alike = len({row.dtype for row in rows}) == 1
            dtype = self._delivery.host_dtype(first.dtype if alike else torch.float32)
        batch = self._buffers.take((len(rows), *first.shape), dtype)
        for place, row in enumerate(rows):
            batch[place].copy_(row)
        return batch


class StoredBatch:
    """Cases as they are stored, read straight into the batch where their type allows.

    Args:
        cases: Their ids.
        reader: What reads them.
        buffers: Memory for the batch.
        delivery: What it is for.
    """

    def __init__(
        self, cases: Sequence[str], reader: CaseReader, buffers: Buffers, delivery: Delivery
    ) -> None:
        self._cases, self._reader, self._buffers = cases, reader, buffers
        self._facts = [reader.facts(case_id) for case_id in cases]
        shapes = [{name: tuple(fact["shape"]) for name, fact in facts.items()} for facts in self._facts]
        for case_id, found in zip(cases, shapes, strict=True):
            _check_alike(cases[0], shapes[0], case_id, found)
        self._batch = {}
        for name, shape in shapes[0].items():
            stored = {_value_dtype(facts[name]) for facts in self._facts}
            dtype = delivery.host_dtype(stored.pop() if len(stored) == 1 else torch.float32)
            if name != "image" and np.prod(shape) == 1:
                shape, dtype = (), torch.int64
            self._batch[name] = buffers.take((len(cases), *shape), dtype)

    def add(self, place: int) -> None:
        """Read the case at a place."""
        into, scratch = {}, {}
        for name, fact in self._facts[place].items():
            row = self._batch[name][place]
            if row.ndim and not _is_scaled(fact) and row.dtype == _value_dtype(fact):
                into[name] = row.numpy()
            else:
                # torch names its types as numpy does.
                scratch[name] = self._buffers.take(tuple(fact["shape"]), getattr(torch, fact["dtype"]))
        self._reader.read_into(
            self._cases[place], into | {name: part.numpy() for name, part in scratch.items()}
        )
        for name, part in scratch.items():
            fact = self._facts[place][name]
            values = torch.from_numpy(decode(part.numpy(), fact["scale"], fact["offset"]))
            row = self._batch[name][place]
            row.copy_(values.reshape(row.shape))

    def finish(self) -> tuple[Tensors, list[str]]:
        """The cases (cases, C, ...)."""
        return self._batch, list(self._cases)


def _is_scaled(fact: Mapping[str, Any]) -> bool:
    return (fact["scale"], fact["offset"]) != (1.0, 0.0)


def _value_dtype(fact: Mapping[str, Any]) -> torch.dtype:
    """The type that holds a stored tensor's values without loss."""
    if _is_scaled(fact):
        return torch.float32
    dtype: torch.dtype = getattr(torch, fact["dtype"])
    return dtype


def _plain(crop: Mapping[str, Any]) -> Tensors:
    tensors = {
        name: value.as_tensor() if isinstance(value, MetaTensor) else torch.as_tensor(value)
        for name, value in crop.items()
        if isinstance(value, torch.Tensor | np.ndarray | np.generic | float | int)
    }
    # Masks as truth values are for storage: MONAI 1.6's losses square them, which torch refuses.
    return {name: value.float() if value.dtype is torch.bool else value for name, value in tensors.items()}


def _shapes(crop: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in crop.items()}


def _check_alike(
    first: str, wanted: Mapping[str, tuple[int, ...]], case_id: str, found: Mapping[str, tuple[int, ...]]
) -> None:
    if wanted != found:
        raise InvalidInput(
            f"A batch needs tensors of one shape: case {first} has {dict(wanted)}, case {case_id} {dict(found)}.",
            "Let the random transforms crop or pad to one size, or use batch size 1.",
        )
