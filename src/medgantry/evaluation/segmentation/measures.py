"""What is made of masks' per-case rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from medgantry.errors import InvalidBundle
from medgantry.evaluation.measures import Rows
from medgantry.evaluation.segmentation.dice import EMPTY_POLICY
from medgantry.evaluation.segmentation.surface_distance import EMPTY_POLICY as SURFACE_POLICY
from medgantry.statistics.interval import Interval
from medgantry.statistics.mean import clustered_mean

_UNIT = (0.0, 1.0)
MEMBER_DICE = "member_dice"
"""Column of an ensemble's rows: Dice of each member alone."""
GAIN = "ensemble_gain"


class SegmentationMeasures:
    """Means over cases, each with an interval over groups.

    Args:
        regions: The bundle's outputs.
        tolerance_mm: Of the normalised surface distance.
    """

    primary = ("dice", "mean")

    def __init__(self, regions: Sequence[str], tolerance_mm: float) -> None:
        if "mean" in regions:
            raise InvalidBundle('No region may be called "mean".', "Give it another name at ingest.")
        self._regions, self._tolerance_mm = regions, tolerance_mm

    def summarise(self, rows: Rows) -> dict[str, Any]:
        """Dice, normalised surface distance and HD95 per region, with what is empty counted."""
        of = {name: [row for row in rows if row["region"] == name] for name in self._regions}
        distances = {name: [row for row in of[name] if row["hd95_mm"] is not None] for name in of}
        overall = self.overall(rows)
        untrained = {name: float(np.mean([row["untrained_dice"] for row in of[name]])) for name in of}
        return {
            "dice": {
                **{name: _mean(of[name], "dice", _UNIT).document() for name in of},
                **({"mean": overall.document()} if overall else {}),
            },
            "nsd": {name: _mean(of[name], "nsd", _UNIT).document() for name in of},
            "hd95_mm": {
                name: _distance(measured).document()
                for name, measured in distances.items()
                if len({row["group_id"] for row in measured}) > 1
            },
            **self._gain(rows),
            "untrained": {**untrained, "mean": float(np.mean(list(untrained.values())))},
            "tolerance_mm": self._tolerance_mm,
            "empty_policy": f"Dice: {EMPTY_POLICY}. Surfaces: {SURFACE_POLICY}",
            "empty_references": {name: sum(row["reference_ml"] == 0 for row in of[name]) for name in of},
            "hd95_undefined": {name: len(of[name]) - len(distances[name]) for name in of},
            "definition": "per case, averaged over cases per region; Dice then over regions",
        }

    def _gain(self, rows: Rows) -> dict[str, Any]:
        """Dice of an ensemble minus the mean of its members' alone, case by case; nothing for a single network."""
        members = min((len(row.get(MEMBER_DICE, ())) for row in rows), default=0)
        if members < 2:
            return {}
        alone = [
            self.overall([{**row, "dice": row[MEMBER_DICE][index]} for row in rows])
            for index in range(members)
        ]
        mean = [{**row, "dice": float(np.mean(row[MEMBER_DICE]))} for row in rows]
        of: dict[str, Rows] = {name: [row for row in rows if row["region"] == name] for name in self._regions}
        gains = {name: self.difference(found, mean) for name, found in of.items()} | {
            "mean": self.difference(rows, mean)
        }
        return {
            GAIN: {name: gain.document() for name, gain in gains.items() if gain},
            "members": [found.document() for found in alone if found],
        }

    def overall(self, rows: Rows) -> Interval | None:
        """Dice, averaged over regions in each case."""
        means, groups = _case_means(rows)
        if not means:
            return None
        return clustered_mean(list(means.values()), [groups[name] for name in means], bounds=_UNIT)

    def difference(self, candidate: Rows, champion: Rows) -> Interval | None:
        """Mean Dice, candidate minus champion, case by case."""
        ours, groups = _case_means(candidate)
        theirs, _ = _case_means(champion)
        shared = sorted(set(ours) & set(theirs))
        if len({groups[name] for name in shared}) < 2:
            return None
        return clustered_mean(
            [ours[name] - theirs[name] for name in shared], [groups[name] for name in shared]
        )

    def case_score(self, rows: Rows) -> float:
        """Dice, averaged over regions."""
        return float(np.mean([row["dice"] for row in rows]))


def _case_means(rows: Rows) -> tuple[dict[str, float], dict[str, str]]:
    """Case -> Dice over regions, and case -> group."""
    values: Mapping[str, list[float]] = defaultdict(list)
    for row in rows:
        values[str(row["case_id"])].append(float(row["dice"]))
    groups = {str(row["case_id"]): str(row["group_id"]) for row in rows}
    return {name: float(np.mean(found)) for name, found in values.items()}, groups


def _distance(rows: Rows) -> Interval:
    """Mean HD95 in mm; a distance is not below 0, whatever Student's t says."""
    found = _mean(rows, "hd95_mm", None)
    return replace(found, low=max(0.0, found.low))


def _mean(rows: Rows, column: str, bounds: tuple[float, float] | None) -> Interval:
    values = [float(row[column]) for row in rows]
    return clustered_mean(values, [str(row["group_id"]) for row in rows], bounds=bounds)
