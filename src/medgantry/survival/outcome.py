"""Who had the event and when, in the order that the partial likelihood needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Flags, Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """Arrays (n,), a subject each."""

    time: Floats
    """Days from the origin to event or censoring, above 0."""
    event: Flags
    """Whether the event was seen."""

    def of(self, rows: NDArray[np.generic]) -> "Outcome":
        """Some of the subjects, by index or mask."""
        return Outcome(time=self.time[rows], event=self.event[rows])
