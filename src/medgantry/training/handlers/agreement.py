"""What the ranks of a training decide together."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist


class Agreement:
    """Questions whose answer is the same on every rank; every rank must ask the same ones in the same order.

    They travel over a gloo group of their own, between the hosts: asking makes no rank wait for its GPU. Made after
    `init_process_group`; one rank alone agrees with itself.
    """

    def __init__(self) -> None:
        self.ranks = dist.get_world_size() if dist.is_initialized() else 1
        self._group = dist.new_group(backend="gloo") if self.ranks > 1 else None

    def any(self, flag: bool) -> bool:
        """Whether any rank says yes."""
        return self.ask_any(flag)()

    def ask_any(self, flag: bool) -> Callable[[], bool]:
        """Ask now and hear later: what is returned waits for the answer of `any`."""
        if self._group is None:
            return lambda: flag
        told = torch.tensor(int(flag))
        asked = dist.all_reduce(told, op=dist.ReduceOp.MAX, group=self._group, async_op=True)

        def answer() -> bool:
            asked.wait()
            return bool(told)

        return answer

    def mean(self, values: Sequence[float]) -> list[float]:
        """Element by element over the ranks, in float64; all ranks give equally many."""
        if self._group is None:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(told, group=self._group)
        means: list[float] = (told / self.ranks).tolist()
        return means

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, by rank."""
        if self._group is None:
            return [value]
        values = [None] * self.ranks
        dist.all_gather_object(values, value, group=self._group)
        return values

    def from_first(self, value: Any) -> Any:
        """Rank 0's value."""
        if self._group is None:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self._group)
        return values[0]
