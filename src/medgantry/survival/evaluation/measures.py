"""All statistics of all candidates, as they are before their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Floats
from medgantry.statistics.survival.concordance import Pairs
from medgantry.survival.evaluation.accuracy import baseline, brier_curve, integrated_brier, scaled
from medgantry.survival.evaluation.calibration import Group, calibration_groups, observed_to_expected
from medgantry.survival.evaluation.discrimination import Ordering, concordance
from medgantry.survival.evaluation.intervals import Intervals
from medgantry.survival.evaluation.jackknife import Jackknifed
from medgantry.survival.evaluation.weighted_outcome import WeightedOutcome
from medgantry.survival.predictions import Predictions

BASELINE = "kaplan_meier"
"""What a score is called that knows nothing of a subject."""

Statistics = Mapping[str, Jackknifed]
"""Candidate -> statistic, of those that define it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measures:
    """Statistics of predictions up to `tau` days."""

    predictions: Predictions
    tau: float

    @cached_property
    def outcome(self) -> WeightedOutcome:
        """Who had the event, and when."""
        return WeightedOutcome(time=self.predictions.time, event=self.predictions.event)

    @cached_property
    def intervals(self) -> Intervals:
        """How intervals are made."""
        return Intervals.of(self.predictions.fold)

    @cached_property
    def events(self) -> int:
        """Events before `tau`."""
        return int((self.predictions.event & (self.predictions.time < self.tau)).sum())

    @cached_property
    def days(self) -> Floats:
        """The grid up to `tau`."""
        grid = self.predictions.grid
        return grid[grid <= self.tau]

    @cached_property
    def _orderings(self) -> Mapping[str, Ordering]:
        predictions = self.predictions
        return {name: Ordering.of(predictions.fold, risk) for name, risk in predictions.risk.items()}

    def harrell(self) -> Statistics:
        """Harrell's C."""
        return self._concordance(Pairs.harrell(self.outcome.time, self.outcome.event))

    def uno(self) -> Statistics:
        """Uno's C up to `tau`."""
        return self._concordance(Pairs.uno(self.outcome.time, self.outcome.event, self.tau))

    def auc(self, day: float) -> Statistics:
        """Area under the ROC curve of the event up to a day."""
        return self._concordance(Pairs.dynamic(self.outcome.time, self.outcome.event, day))

    def _concordance(self, pairs: Pairs) -> Statistics:
        found = {name: concordance(self.outcome, pairs, each) for name, each in self._orderings.items()}
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def brier(self) -> Statistics:
        """Brier score on each of `days`; of the baseline too."""
        predictions, days = self.predictions, self.days
        survival = {name: values[..., : len(days)] for name, values in predictions.survival.items()}
        survival[BASELINE] = baseline(self.outcome, predictions.fold, days)
        return {name: brier_curve(self.outcome, values, days) for name, values in survival.items()}

    @cached_property
    def integrated_brier(self) -> Statistics:
        """Brier score, averaged over `days`; of the baseline too."""
        return {name: integrated_brier(curve, self.days) for name, curve in self.brier.items()}

    def scaled_brier(self) -> Statistics:
        """Share of the baseline's integrated Brier score that a candidate saves."""
        known = self.integrated_brier
        return {name: scaled(known[name], known[BASELINE]) for name in self.predictions.candidates}

    def observed_to_expected(self, day: float) -> Statistics:
        """Logarithm of observed / expected events up to a day."""
        found = {
            name: observed_to_expected(self.outcome, self.predictions.event_by(name, day), day)
            for name in self.predictions.candidates
        }
        return {name: value for name, value in found.items() if value is not None}

    def calibration(self, candidate: str, day: float) -> list[Group]:
        """Quartiles of predicted risk, with the share that had the event up to a day."""
        return calibration_groups(self.outcome, self.predictions.event_by(candidate, day), day)


def deciding(time: Floats, event: NDArray[np.bool_], day: float) -> int:
    """How many subjects decide what happens up to a day: the fewer of those with the event, and those after it."""
    return int(min((event & (time <= day)).sum(), (time > day).sum()))
