"""Batches of an epoch, made ahead by threads."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from monai.transforms import Compose

from medgantry.errors import InvalidInput, MedgantryError, Mismatch
from medgantry.loading.batches import Batch, RandomTransforms, Reader, StoredBatch, TransformedBatch
from medgantry.loading.buffers import Buffers
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.delivery import Delivered, Delivery
from medgantry.loading.order import EpochOrder


class BatchLoader:
    """An epoch's batches for one process: dictionaries of tensors (items, C, ...) and `case_id`, one per item.

    Threads read and transform ahead of the consumer; processes would have to copy every batch once more. What a
    case looks like depends on (seed, epoch, case) alone, so batches are the same whatever the number of threads.
    Without random transforms cases are read straight into the batch, as stored.

    Args:
        reader: What reads cases.
        order: Which case comes when.
        transforms: The bundle's random transforms; they may make several crops of a case, which all go into the batch.
        seed: Of the training.
        threads: That read and transform.
        process: This one.
        processes: How many train together.
        device: Where batches go.
        ahead: Batches in the making or ready, beside the one that was handed out; the bound of the memory used.
    """

    def __init__(
        self,
        reader: Reader,
        order: EpochOrder,
        transforms: Compose,
        *,
        seed: int,
        threads: int,
        process: int = 0,
        processes: int = 1,
        device: torch.device,
        ahead: int = 2,
    ) -> None:
        self._reader, self._order, self._seed = reader, order, seed
        self._process, self._processes = process, processes
        self._threads, self._ahead = threads, ahead
        self._as_stored = isinstance(reader, CaseReader) and not transforms.transforms
        self._transforms = RandomTransforms(transforms, seed)
        self._delivery = Delivery(device)
        self._buffers = Buffers(pinned=self._delivery.pinned)
        self._epoch, self._start_step, self._step = 1, 0, 0
        self.waited_s = 0.0
        """Seconds that the consumer waited for batches of this epoch."""
        order.batch(1, 0, process, processes)  # refuses a number of processes that the job cannot run on

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration goes through, counted from 1; another one begins at its first step."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch, self.start_step = epoch, 0

    @property
    def start_step(self) -> int:
        """The step that the next iteration begins with, counted from 0; the one after it begins with 0 again."""
        return self._start_step

    @start_step.setter
    def start_step(self, step: int) -> None:
        self._start_step = self._step = step

    def __len__(self) -> int:
        """Steps of a whole epoch."""
        return self._order.steps

    def state_dict(self) -> dict[str, Any]:
        """Where the training is, after the batches that were handed out; the same on every process."""
        return {
            "shards": self._reader.content_hash,
            "order": self._order.fingerprint,
            "seed": self._seed,
            "epoch": self._epoch,
            "step": self._step,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a training was, on any number of processes that the job can run on.

        Raises:
            Mismatch: If its shards, its seed or its order were others.
        """
        own = self.state_dict()
        differing = [name for name in ("shards", "order", "seed") if state[name] != own[name]]
        if differing:
            name = differing[0]
            raise Mismatch(
                f"The state is of {name} {str(state[name])[:12]}, this loader's is {str(own[name])[:12]}.",
                "Resume with the data and settings that the training began with, or begin a new one.",
            )
        over = int(state["step"]) >= len(self)
        self.epoch = int(state["epoch"]) + over
        self.start_step = 0 if over else int(state["step"])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The batches from `start_step` on; closing the iterator ends its threads."""
        epoch, first = self._epoch, self._start_step
        self.start_step, self._step, self.waited_s = 0, first, 0.0
        self._reader.begin_epoch(epoch)
        steps = iter(range(first, len(self)))
        making: deque[Future[tuple[Delivered, list[str]]]] = deque()
        pool = ThreadPoolExecutor(
            self._threads, "batch-loader", initializer=torch.set_num_threads, initargs=(1,)
        )
        try:
            for step in range(first, len(self)):
                self._begin_batches(epoch, steps, making, pool)
                began = time.perf_counter()
                delivered, names = making.popleft().result()
                self.waited_s += time.perf_counter() - began
                self._begin_batches(epoch, steps, making, pool)
                self._step = step + 1
                yield {**delivered.receive(), "case_id": names}
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin_batches(
        self,
        epoch: int,
        steps: Iterator[int],
        making: deque[Future[tuple[Delivered, list[str]]]],
        pool: ThreadPoolExecutor,
    ) -> None:
        while len(making) < self._ahead and (step := next(steps, None)) is not None:
            cases = self._order.batch(epoch, step, self._process, self._processes)
            making.append(_Making(cases, self._new_batch(cases, epoch), self._delivery).begin(pool))

    def _new_batch(self, cases: list[str], epoch: int) -> Batch:
        if self._as_stored and isinstance(self._reader, CaseReader):
            return StoredBatch(cases, self._reader, self._buffers, self._delivery)
        return TransformedBatch(cases, epoch, self._reader, self._transforms, self._buffers, self._delivery)


class _Making:
    """One batch on its way through the threads; whoever adds the last case finishes it."""

    def __init__(self, cases: list[str], batch: Batch, delivery: Delivery) -> None:
        self._cases, self._batch, self._delivery = cases, batch, delivery
        self._missing = len(cases)
        self._lock = threading.Lock()
        self._done: Future[tuple[Delivered, list[str]]] = Future()

    def begin(self, pool: ThreadPoolExecutor) -> Future[tuple[Delivered, list[str]]]:
        for place in range(len(self._cases)):
            pool.submit(self._add, place)
        return self._done

    def _add(self, place: int) -> None:
        if self._done.done():  # another case of the batch failed
            return
        try:
            self._batch.add(place)
            with self._lock:
                self._missing -= 1
                last = not self._missing
            if last:
                tensors, names = self._batch.finish()
                self._done.set_result((self._delivery(tensors), names))
        except BaseException as error:  # noqa: BLE001 it is the consumer's to handle
            with self._lock:
                if not self._done.done():
                    self._done.set_exception(_naming(error, self._cases[place]))


def _naming(error: BaseException, case_id: str) -> BaseException:
    """The same kind of error, saying in which case; what a transform raises is a verdict about the case."""
    root = error
    while root.__cause__ is not None:  # MONAI wraps whatever its transforms raise
        root = root.__cause__
    if isinstance(root, MedgantryError):
        named: BaseException = type(root)(f"Case {case_id}: {root.message}", root.remedy)
    elif isinstance(root, Exception) and not isinstance(root, MemoryError | torch.OutOfMemoryError):
        named = InvalidInput(
            f"Case {case_id} cannot be transformed: {type(root).__name__}: {root}.",
            "Look at the case with the bundle's random transforms.",
        )
    else:
        root.add_note(f"In case {case_id}.")
        return root
    named.__cause__ = error
    return named
