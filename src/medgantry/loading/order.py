"""Which case comes when in a job: from (seed, epoch) alone, whoever reads it."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

import numpy as np

from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.loading.seeds import derive_seed
from medgantry.loading.shuffle_window import ShuffleWindow


class Choice(Protocol):
    """Which cases an epoch trains on; equally many in every epoch."""

    @property
    def fingerprint(self) -> str:
        """Of all that decides it."""

    def cases(self, epoch: int) -> Sequence[str]:
        """Case ids of an epoch, counted from 1."""


class EpochOrder:
    """The order of a job of `ranks` ranks: a permutation by (seed, epoch), dealt in turn, in equally many steps.

    A job that was planned for R ranks runs on P processes where P divides R: process p takes the batches of ranks
    p, p + P, ... as one, so every step sees the same cases whatever P is. What does not fill a step on every rank
    waits for another epoch.

    Args:
        cases: Case ids, or what chooses them for an epoch.
        seed: Of the training.
        batch_size: Cases of a rank in a step; the last step may have fewer, equally on every rank.
        ranks: How many the job was planned for.
        balance: Case id -> its class, to draw classes equally often instead: as many cases as there are, with
            repetition. Empty for the permutation.
        window: Keeps cases that lie together near each other; none where the cache holds all.

    Raises:
        InvalidInput: If there are fewer cases than ranks.
    """

    def __init__(
        self,
        cases: Sequence[str] | Choice,
        *,
        seed: int,
        batch_size: int,
        ranks: int,
        balance: Mapping[str, int] = MappingProxyType({}),
        window: ShuffleWindow | None = None,
    ) -> None:
        self._choice = _Always(cases) if isinstance(cases, Sequence) else cases
        self._seed, self._batch_size, self._ranks = seed, batch_size, ranks
        self._balance, self._window = dict(balance), window
        count = len(self._choice.cases(1))
        self._per_rank = count // ranks
        if not self._per_rank:
            raise InvalidInput(f"{ranks} ranks cannot share {count} cases.", "Use fewer ranks.")
        self.steps = math.ceil(self._per_rank / batch_size)
        """Of an epoch, on every rank."""
        shards = sorted(window.shard_of.items()) if window else []
        self.fingerprint = hash_value(
            [
                self._choice.fingerprint,
                seed,
                batch_size,
                ranks,
                sorted(self._balance.items()),
                shards,
                window.size if window else 0,
            ]
        )
        """Of everything that decides what a step means, but not of what reads it."""
        self._ordered = lru_cache(maxsize=2)(self._order)

    def batch(self, epoch: int, step: int, process: int = 0, processes: int = 1) -> list[str]:
        """The cases that a process takes in a step, both counted from 0; epochs from 1.

        Raises:
            InvalidInput: If the number of processes does not divide the number of ranks.
        """
        if self._ranks % processes:
            divisors = [str(n) for n in range(1, self._ranks + 1) if self._ranks % n == 0]
            raise InvalidInput(
                f"A job planned for {self._ranks} ranks cannot run on {processes} processes.",
                f"Use {' or '.join(divisors)}.",
            )
        ordered = self._ordered(epoch)
        taken = slice(step * self._batch_size, min((step + 1) * self._batch_size, self._per_rank))
        return [
            case_id
            for rank in range(process, self._ranks, processes)
            for case_id in ordered[rank : self._per_rank * self._ranks : self._ranks][taken]
        ]

    def cases(self, epoch: int) -> list[str]:
        """The cases that come in an epoch, on whatever rank."""
        return self._ordered(epoch)[: self._per_rank * self._ranks]

    def _order(self, epoch: int) -> list[str]:
        cases = sorted(self._choice.cases(epoch))
        ordered = self._drawn(cases, epoch) if self._balance else self._permuted(cases, epoch)
        if self._window:
            group = self._window.groups(self._seed, epoch)
            ordered.sort(key=lambda case_id: group[case_id])  # stable: the order within a group stays
        return ordered

    def _permuted(self, cases: Sequence[str], epoch: int) -> list[str]:
        return sorted(cases, key=lambda case_id: derive_seed(self._seed, epoch, f"order {case_id}"))

    def _drawn(self, cases: Sequence[str], epoch: int) -> list[str]:
        members: dict[int, list[str]] = defaultdict(list)
        for case_id in cases:
            members[self._balance[case_id]].append(case_id)
        rng = np.random.default_rng(derive_seed(self._seed, epoch, "balance"))
        classes = rng.choice(sorted(members), size=len(cases))
        return [members[label][rng.integers(len(members[label]))] for label in classes]


class _Always:
    def __init__(self, cases: Sequence[str]) -> None:
        self._cases = sorted(cases)
        self.fingerprint = hash_value(self._cases)

    def cases(self, epoch: int) -> Sequence[str]:
        return self._cases
