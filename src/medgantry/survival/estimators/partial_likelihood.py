"""Cox's partial likelihood with Efron's treatment of ties, its derivatives, and Breslow's baseline.

Times are sorted once per set of subjects; everything after that is cumulative sums.

    l(b) = sum over events i of  x_i b - log( sum_{j at risk} exp(x_j b) - share_i sum_{j tied} exp(x_j b) )

where share is 0, 1/d, ..., (d-1)/d over the d events of a day.

Sources: Cox, J. R. Statist. Soc. B 34 (1972); Efron, J. Am. Stat. Assoc. 72 (1977).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Floats
from medgantry.survival.outcome import Outcome

Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class RiskSets:
    """Who is at risk when: subjects are numbered by rising time."""

    order: Indices
    """(n,) the subjects, by time."""
    events: Indices
    """(e,) places of those with the event, in that order."""
    first: Indices
    """(e,) place of the first subject at risk at each event; all after it are at risk too."""
    tie: Indices
    """(e,) number of the event's day."""
    share: Floats
    """(e,) Efron's share of the day's events that is taken off."""

    @classmethod
    def of(cls, outcome: Outcome) -> "RiskSets":
        """Sort subjects; at least one must have the event."""
        order = np.argsort(outcome.time, kind="stable")
        time, event = outcome.time[order], outcome.event[order]
        events = np.flatnonzero(event)
        _, tie, count = np.unique(time[events], return_inverse=True, return_counts=True)
        before = np.cumsum(count) - count
        return cls(
            order=order,
            events=events,
            first=np.searchsorted(time, time[events], side="left"),
            tie=tie,
            share=(np.arange(len(events)) - before[tie]) / count[tie],
        )

    def at_risk(self, values: Floats) -> Floats:
        """Sum of values (n, ...), by time, over who is at risk at each event (e, ...), Efron's share taken off."""
        sums = np.cumsum(values[::-1], axis=0)[::-1][self.first]
        if self.share.any():
            tied = np.zeros((self.tie[-1] + 1, *values.shape[1:]))
            np.add.at(tied, self.tie, values[self.events])
            sums = sums - (tied[self.tie].T * self.share).T
        return np.asarray(sums, dtype=np.float64)

    def expected(self, hazard: Floats, total: Floats) -> Floats:
        """(n,) expected events of each subject, by time.

        Args:
            hazard: (n,) relative hazards, by time.
            total: (e,) their sums over who is at risk at each event.
        """
        steps = np.bincount(self.first, 1 / total, len(hazard))
        passed = np.cumsum(steps)
        if self.share.any():
            taken_off = np.bincount(self.tie, self.share / total)
            passed[self.events] -= taken_off[self.tie]
        return np.asarray(hazard * passed, dtype=np.float64)

    def log_likelihood(self, risk: Floats) -> float:
        """Of log relative hazards (n,), in the subjects' own order."""
        sorted_risk = risk[self.order]
        highest = sorted_risk.max()
        total = self.at_risk(np.exp(sorted_risk - highest))
        return float((sorted_risk[self.events] - highest - np.log(total)).sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """Breslow's cumulative hazard of a subject whose risk is 0.

    Source: Breslow, in the discussion of Cox (1972).
    """

    days: Floats
    """(u,) rising, the days of events."""
    hazard: Floats
    """(u,) cumulative."""

    @classmethod
    def of(cls, outcome: Outcome, risk: Floats) -> "Baseline":
        """From outcomes and log relative hazards (n,)."""
        order = np.argsort(outcome.time, kind="stable")
        time, event = outcome.time[order], outcome.event[order]
        days, count = np.unique(time[event], return_counts=True)
        staying = np.cumsum(np.exp(risk[order])[::-1])[::-1]
        at_risk = staying[np.searchsorted(time, days, side="left")]
        return cls(days=days, hazard=np.cumsum(count / at_risk))

    def survival(self, risk: Floats, grid: Floats) -> Floats:
        """Chance of no event up to each day of the grid: (..., m) of risks (...)."""
        steps = np.concatenate([[0.0], self.hazard])
        cumulative = steps[np.searchsorted(self.days, grid, side="right")]
        return np.asarray(np.exp(-np.exp(risk)[..., None] * cumulative), dtype=np.float64)
