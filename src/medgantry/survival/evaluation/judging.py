"""Cross-validated predictions judged: metrics with intervals, and what the report draws."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.measures import Rows
from medgantry.evaluation.subgroups import subgroup_table
from medgantry.fingerprint import hash_value
from medgantry.statistics.interval import Interval
from medgantry.survival.evaluation.comparison import (
    Champion,
    Groups,
    compare,
    gain_of_pooling,
    paired_differences,
    primary_candidate,
    primary_interval,
)
from medgantry.survival.evaluation.description import (
    describe_curves,
    describe_outcomes,
    describe_risk_groups,
)
from medgantry.survival.evaluation.horizons import last_day
from medgantry.survival.evaluation.intervals import Intervals
from medgantry.survival.evaluation.measures import Measures, Statistics, deciding
from medgantry.survival.evaluation.risk_groups import GROUPS, place_in_fold, risk_groups
from medgantry.survival.predictions import Predictions

SPLIT = "cross-validation"
PRIMARY = "uno_c"


def judge(
    predictions: Predictions,
    *,
    key: str,
    model_hash: str,
    horizons: Sequence[float],
    groups: Groups,
    champion: Champion | None,
) -> Evaluation:
    """Measure everything.

    Args:
        predictions: Out of fold.
        key: The evaluation's folder in the store.
        model_hash: Of the model that the predictions vouch for.
        horizons: Days for AUC and calibration.
        groups: Subgroups.
        champion: Who to compare with; None for nobody.

    Raises:
        InvalidInput: If there are too few subjects or events to judge by.
    """
    measures = Measures(predictions=predictions, tau=last_day(predictions))
    candidate = primary_candidate(predictions)
    places = {name: place_in_fold(predictions.fold, risk) for name, risk in predictions.risk.items()}
    members = risk_groups(places[candidate])
    rows = [
        {
            "case_id": subject,
            "group_id": subject,
            "time": float(predictions.time[index]),
            "event": bool(predictions.event[index]),
            "risk_group": GROUPS[members[index]],
            **{f"risk_{name}": float(place[index]) for name, place in places.items()},
        }
        for index, subject in enumerate(predictions.subjects)
    ]

    def of_members(inside: Rows) -> Interval | None:
        subjects = {str(row["case_id"]) for row in inside}
        return primary_interval(Measures(predictions=predictions.only(subjects), tau=measures.tau))

    return Evaluation(
        key=key,
        task="survival",
        cohort_hash=predictions.table_hash,
        split_hash=hash_value([list(predictions.subjects), predictions.fold.tolist()]),
        weights_hash=model_hash,
        split=SPLIT,
        primary=(PRIMARY, candidate),
        metrics={
            **_summary(measures),
            **_at_horizons(measures, horizons),
            "tau_days": measures.tau,
            "horizons": list(horizons),
            "outcomes": describe_outcomes(predictions),
            "curves": describe_curves(measures),
            "risk_groups": describe_risk_groups(predictions, members),
            "cases": len(rows),
            "repeats": predictions.repeats,
            "folds": int(max(len(np.unique(folds)) for folds in predictions.fold)),
            "external": False,
            "subgroups": subgroup_table(groups, rows, of_members),
            "comparison": compare(measures, champion, rows, groups) if champion else None,
        },
        rows=rows,
    )


def _summary(measures: Measures) -> dict[str, Any]:
    """What stands for all days up to tau, and the differences of the two metrics that candidates are compared by."""
    intervals, events, n = measures.intervals, measures.events, len(measures.predictions.subjects)
    uno, scaled = measures.uno(), measures.scaled_brier()
    gains = {
        metric: gain.document()
        for metric, found in ((PRIMARY, uno), ("scaled_brier", scaled))
        if (gain := gain_of_pooling(found, intervals, events))
    }
    return {
        PRIMARY: _shares(uno, intervals, events),
        "harrell_c": _shares(measures.harrell(), intervals, int(measures.predictions.event.sum())),
        "integrated_brier": _shares(measures.integrated_brier, intervals, n),
        "scaled_brier": {name: intervals.plain(each, events).document() for name, each in scaled.items()},
        f"{PRIMARY}_difference": paired_differences(uno, intervals, events),
        "scaled_brier_difference": paired_differences(scaled, intervals, events),
        "pooled_minus_best_single": gains,
    }


def _at_horizons(measures: Measures, horizons: Sequence[float]) -> dict[str, Any]:
    """AUC, observed / expected and calibration on the days asked for: `auc_day_731`."""
    found: dict[str, Any] = {"calibration": {}}
    intervals, predictions = measures.intervals, measures.predictions
    for day in horizons:
        units = deciding(predictions.time, predictions.event, day)
        found[f"auc_day_{day:g}"] = _shares(measures.auc(day), intervals, units)
        found[f"observed_to_expected_day_{day:g}"] = {
            name: intervals.ratio(each, units).document()
            for name, each in measures.observed_to_expected(day).items()
        }
        found["calibration"][f"{day:g}"] = {
            name: [
                {"predicted": group.predicted}
                | intervals.share(group.observed, len(predictions.subjects) // len(groups)).document()
                for group in groups
            ]
            for name in predictions.candidates
            if (groups := measures.calibration(name, day))
        }
    return found


def _shares(found: Statistics, intervals: Intervals, units: int) -> dict[str, Any]:
    return {name: intervals.share(each, units).document() for name, each in found.items()}
