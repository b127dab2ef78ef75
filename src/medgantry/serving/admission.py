"""Who is let in: some requests at a time, some more that wait, and the others are told so at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from medgantry.serving.limits import Limits
from medgantry.serving.metrics import QUEUED, RUNNING
from medgantry.serving.refusals import Refused
from medgantry.stages import stage


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

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn of the model."""
        with QUEUED.track_inprogress(), stage("queue"):
            await self._free.acquire()
        try:
            with RUNNING.track_inprogress():
                yield
        finally:
            self._free.release()
