"""Who had the event and when, with the chance of staying uncensored and what it would be without each subject."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medgantry.statistics.arrays import Floats
from medgantry.statistics.survival.kaplan_meier import Curve, KaplanMeier, follow_up, follow_up_without_each
from medgantry.survival.outcome import Outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightedOutcome(Outcome):
    """An outcome that knows what its weights for censoring are made of."""

    @cached_property
    def _follow_up(self) -> KaplanMeier:
        return follow_up(self.time, self.event)

    @cached_property
    def _follow_up_without(self) -> Curve:
        return follow_up_without_each(self.time, self.event)

    @cached_property
    def uncensored(self) -> Floats:
        """(n,) chance of staying uncensored until just before each subject's own time."""
        return self._follow_up.at(self.time, before=True)

    @cached_property
    def uncensored_without(self) -> Floats:
        """(n, n): the same for the second subject, were the first not there; 1 for a subject without itself."""
        found = self._follow_up_without.at(self.time, before=True)
        np.fill_diagonal(found, 1.0)
        return found

    def uncensored_on(self, days: Floats) -> Floats:
        """(m,) chance of staying uncensored up to each day."""
        return self._follow_up.at(days)

    def uncensored_on_without(self, days: Floats) -> Floats:
        """(n, m): the same without each subject."""
        return self._follow_up_without.at(days)
