"""What the report draws and describes: outcomes, curves over time, survival of the risk groups."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.survival.kaplan_meier import follow_up, kaplan_meier, numbers_at_risk
from medgantry.statistics.survival.logrank import log_rank
from medgantry.survival.evaluation.measures import Measures
from medgantry.survival.evaluation.risk_groups import members_of
from medgantry.survival.predictions import Predictions

_CURVE_POINTS = 12
_MOST_TICKS = 7
"""Of numbers at risk, at whole years."""
_YEAR = 365.25


def describe_curves(measures: Measures) -> dict[str, Any]:
    """Brier score on the grid and AUC on some days of it: estimates only, to be drawn."""
    days = measures.days
    chosen = days[np.unique(np.linspace(0, len(days) - 1, _CURVE_POINTS).round().astype(int))]
    areas = {float(day): measures.auc(float(day)) for day in chosen}
    return {
        "brier": {
            name: {"days": days.tolist(), "values": curve.values.mean(axis=0).tolist()}
            for name, curve in measures.brier.items()
        },
        "auc": {
            name: {
                "days": [day for day, found in areas.items() if name in found],
                "values": [found[name].value for found in areas.values() if name in found],
            }
            for name in measures.predictions.candidates
        },
    }


def describe_outcomes(predictions: Predictions) -> dict[str, Any]:
    """Events, and how long subjects were followed."""
    names = ("days", "low", "high")
    return {
        "subjects": len(predictions.subjects),
        "events": int(predictions.event.sum()),
        "median_survival": dict(
            zip(names, kaplan_meier(predictions.time, predictions.event).median(), strict=True)
        ),
        "median_follow_up": dict(
            zip(names, follow_up(predictions.time, predictions.event).median(), strict=True)
        ),
        "longest": float(predictions.time.max()),
    }


def describe_risk_groups(predictions: Predictions, members: NDArray[np.int_]) -> dict[str, Any]:
    """Kaplan-Meier estimate of each risk group, numbers at risk, and the log-rank test."""
    years = predictions.time.max() / _YEAR
    ticks = np.arange(0, years, max(1, math.ceil(years / _MOST_TICKS))) * _YEAR
    curves = {}
    for name, chosen in members_of(members).items():
        time, event = predictions.time[chosen], predictions.event[chosen]
        found = kaplan_meier(time, event)
        curves[name] = {
            "days": found.days.tolist(),
            "survival": found.survival.tolist(),
            "low": found.low.tolist(),
            "high": found.high.tolist(),
            "censored": sorted(time[~event].tolist()),
            "at_risk": numbers_at_risk(time, ticks),
            "subjects": len(chosen),
            "events": int(event.sum()),
        }
    test = log_rank(predictions.time, predictions.event, members)
    return {
        "ticks": ticks.tolist(),
        "curves": curves,
        "log_rank": {"statistic": test.statistic, "dof": test.dof, "p": test.p} if test else None,
    }
