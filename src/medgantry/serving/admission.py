"""Who is let in: some requests at a time, some more that wait, and the others are told so at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from medgantry.serving.limits import Limits
from medgantry.serving.metrics import QUEUED, RUNNING
from medgantry.serving.refusals import Refused
from medgantry.stages import stage

T = TypeVar("T")


class Admission:
    """One server's; used in its event loop alone.

    Args:
        limits: `concurrency` and `queue`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free = asyncio.Semaphore(limits.concurrency)
        self._inside = 0

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """A place among those that are answered or wait, before anything of the request is read.

        Raises:
            Refused: If there is none.
        """
        if self._inside >= self._limits.concurrency + self._limits.queue:
            raise Refused(429, f"{self._limits.queue} requests wait already; try again later.")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def in_turn(self, work: Callable[[], T]) -> T:
        """Do work in a thread when its turn comes.

        A thread cannot be stopped: when the client goes away, its turn and its place are taken until the work is done.
        """
        with QUEUED.track_inprogress(), stage("queue"):
            await self._free.acquire()
        try:
            with RUNNING.track_inprogress():
                working = asyncio.ensure_future(asyncio.to_thread(work))
                try:
                    return await asyncio.shield(working)
                except asyncio.CancelledError:
                    await asyncio.gather(working, return_exceptions=True)
                    raise
                finally:
                    del working  # or its error and this frame hold each other, and the request with them
        finally:
            self._free.release()
