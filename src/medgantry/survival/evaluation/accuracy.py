"""Brier scores of cross-validated survival, beside those of a prediction that knows nothing of a subject.

The baseline is the Kaplan-Meier estimate of the folds that a subject is not in: out of fold, as the candidates are.
The scaled score is the share of the baseline's that a candidate saves: 1 is perfect, 0 is no better than the
baseline.

Sources: Graf et al., Statistics in Medicine 18 (1999); Kattan and Gerds, Diagnostic and Prognostic Research 2 (2018),
for the scaled score (index of prediction accuracy).
"""

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Floats
from medgantry.statistics.survival.brier import integrated, seen
from medgantry.statistics.survival.kaplan_meier import kaplan_meier
from medgantry.survival.evaluation.jackknife import Jackknifed
from medgantry.survival.evaluation.weighted_outcome import WeightedOutcome


def baseline(outcome: WeightedOutcome, fold: NDArray[np.int64], days: Floats) -> Floats:
    """Survival (repeats, n, m) that knows of each subject only the outcomes of the other folds.

    A repeat of one fold is of a model from elsewhere: its baseline is that of these subjects themselves.
    """
    found = np.empty((*fold.shape, len(days)))
    for repeat, folds in enumerate(fold):
        for name in np.unique(folds):
            others = folds != name if (folds != name).any() else folds == name
            known = kaplan_meier(outcome.time[others], outcome.event[others])
            found[repeat, folds == name] = known.at(days)
    return found


def brier_curve(outcome: WeightedOutcome, survival: Floats, days: Floats) -> Jackknifed:
    """Brier score of each repeat on each day: values (repeats, m), and (repeats, n, m) without each subject.

    Args:
        outcome: Of n subjects.
        survival: (repeats, n, m) predicted.
        days: (m,), on the last of which two subjects or more are still under observation.
    """
    cases, controls = seen(outcome.time, outcome.event, days)
    later, later_without = 1 / outcome.uncensored_on(days), 1 / outcome.uncensored_on_without(days)
    weight, changed = 1 / outcome.uncensored, 1 / outcome.uncensored_without
    n, values, without = len(weight), [], []
    for predicted in survival:
        with_event, without_event = cases * predicted**2, controls * (1 - predicted) ** 2
        total = without_event.sum(axis=0)
        values.append((weight @ with_event + total * later) / n)
        left = changed @ with_event - np.diag(changed)[:, None] * with_event
        without.append((left + (total - without_event) * later_without) / (n - 1))
    return Jackknifed(values=np.array(values), without=np.array(without))


def on_day(curve: Jackknifed, index: int) -> Jackknifed:
    """One day of a curve."""
    return curve.of(lambda values: values[..., index])


def integrated_brier(curve: Jackknifed, days: Floats) -> Jackknifed:
    """Mean of a curve over time."""
    return curve.of(lambda values: integrated(values, days))


def scaled(score: Jackknifed, known_nothing: Jackknifed) -> Jackknifed:
    """Share of the baseline's score that is saved."""
    return (score / known_nothing).of(lambda ratio: 1 - ratio)
