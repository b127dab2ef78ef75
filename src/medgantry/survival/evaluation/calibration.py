"""Calibration at a horizon: how many had the event of as many as were predicted to.

Subjects are grouped by quartile of their predicted risk, in each repeat anew; what was seen in a group is 1 minus its
Kaplan-Meier estimate. Predicted and seen are averaged over the repeats. Over everybody, observed / expected is 1 for
a model that is right on average, above 1 for one that predicts too few events.

Source: Crowson, Atkinson and Therneau, Statistical Methods in Medical Research 25 (2016); Austin, Harrell and van
Klaveren, Statistics in Medicine 39 (2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Floats
from medgantry.statistics.survival.kaplan_meier import kaplan_meier, without_each
from medgantry.survival.evaluation.jackknife import Jackknifed
from medgantry.survival.evaluation.weighted_outcome import WeightedOutcome

GROUPS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Subjects of like predicted risk."""

    predicted: float
    """Mean chance of the event by the horizon that they were given."""
    observed: Jackknifed
    """Share that had it."""


def observed_to_expected(outcome: WeightedOutcome, risk: Floats, day: float) -> Jackknifed | None:
    """Log of observed / expected.

    Args:
        outcome: Of n subjects.
        risk: (repeats, n) predicted chance of the event up to the day.
        day: The horizon.

    Returns:
        None where no event was seen by then, or one subject had all of them.
    """
    everybody = np.arange(len(outcome.time))
    observed, n = _observed(outcome, [everybody] * len(risk), day), len(everybody)
    if not (observed.values > 0).all() or not (observed.without > 0).all():
        return None
    expected = Jackknifed(
        values=risk.mean(axis=1), without=(risk.sum(axis=1, keepdims=True) - risk) / (n - 1)
    )
    return (observed / expected).of(np.log)


def calibration_groups(outcome: WeightedOutcome, risk: Floats, day: float) -> list[Group]:
    """Predicted and seen in each quartile of predicted risk, lowest first; arguments as above."""
    # By rank, so that equal predictions do not make empty groups.
    parts = [np.array_split(np.argsort(values, kind="stable"), GROUPS) for values in risk]
    return [
        Group(
            predicted=float(np.mean([v[p[index]].mean() for v, p in zip(risk, parts, strict=True)])),
            observed=_observed(outcome, [part[index] for part in parts], day),
        )
        for index in range(GROUPS)
    ]


def _observed(outcome: WeightedOutcome, members: Sequence[NDArray[np.intp]], day: float) -> Jackknifed:
    """Share of each repeat's members that had the event by a day; without another subject it stays the same."""
    at, values, without = np.array([day]), [], []
    for chosen in members:
        time, event = outcome.time[chosen], outcome.event[chosen]
        values.append(1 - kaplan_meier(time, event).at(at)[0])
        without.append(np.full(len(outcome.time), values[-1]))
        without[-1][chosen] = 1 - without_each(time, event).at(at)[:, 0]
    return Jackknifed(values=np.array(values), without=np.array(without))
