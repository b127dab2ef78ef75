"""Shuffling that does not ask for all shards at once."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.loading.seeds import derive_seed


class ShuffleWindow:
    """A few shards at a time, so that a cache smaller than the data set fetches each once per epoch.

    Every epoch puts the shards into another order and cuts it into groups; cases are shuffled inside a group.

    Args:
        shards: Sidecars.
        budget_bytes: What a group may take: the room of the cache.

    Raises:
        InvalidInput: If a shard alone exceeds the budget.
    """

    def __init__(self, shards: Sequence[Mapping[str, Any]], budget_bytes: int) -> None:
        self.shard_of = {case_id: str(shard["sha256"]) for shard in shards for case_id in shard["cases"]}
        """Case id -> its shard."""
        sizes = sorted((int(shard["bytes"]) for shard in shards), reverse=True)
        fitting = sum(total <= budget_bytes for total in accumulate(sizes))
        self.size = max(1, fitting - 1) if fitting < len(sizes) else fitting
        """Shards of a group: as many as fit even if they are the largest, beside the first of the next group."""
        if not fitting:
            raise InvalidInput(
                f"A shard of {sizes[0]} bytes does not fit a cache of {budget_bytes}.",
                "Give the cache more room, or make smaller shards (shard_mib).",
            )

    def groups(self, seed: int, epoch: int) -> dict[str, int]:
        """Case id -> the number of its group in an epoch."""
        names = set(self.shard_of.values())
        ordered = sorted(names, key=lambda name: derive_seed(seed, epoch, f"shard {name}"))
        group = {name: place // self.size for place, name in enumerate(ordered)}
        return {case_id: group[name] for case_id, name in self.shard_of.items()}
