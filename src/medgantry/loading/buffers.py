"""Memory that batches take turns in: fresh pages cost more than the copy into them."""

import math
import weakref
from collections import defaultdict, deque

import numpy as np
import torch
from numpy.typing import NDArray


class Buffers:
    """Tensors whose memory comes back when the last tensor over it, or over a part of it, is gone.

    Memory of one size serves tensors of that size only; a size that is not at hand drops what lies unused.

    Args:
        pinned: Page-locked, from torch's own pool, which waits for copies under way: a GPU reads it at full speed.
    """

    def __init__(self, *, pinned: bool) -> None:
        self._pinned = pinned
        self._free: dict[int, deque[NDArray[np.uint8]]] = defaultdict(deque)

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """A tensor with undefined values; from any thread."""
        size = math.prod(shape) * dtype.itemsize
        if self._pinned or not size:
            return torch.empty(shape, dtype=dtype, pin_memory=self._pinned)
        try:
            memory = self._free[size].pop()
        except IndexError:
            self._free = defaultdict(deque)
            memory = np.empty(size, np.uint8)
        # Torch keeps this view, of which nobody else knows, for as long as any tensor needs the memory.
        view = memory[:]
        weakref.finalize(view, self._give_back, memory).atexit = False
        return torch.from_numpy(view).view(dtype).reshape(shape)

    def _give_back(self, memory: NDArray[np.uint8]) -> None:
        self._free[memory.size].append(memory)
