"""What is made of registrations' per-case rows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from medgantry.evaluation.measures import Rows
from medgantry.statistics.interval import Interval
from medgantry.statistics.mean import clustered_mean

_UNIT = (0.0, 1.0)
_ALL = "all"


class RegistrationMeasures:
    """Means over cases, each with an interval over groups, with and without the registration.

    Args:
        has_masks: Whether the cases have masks. Their overlap decides then; else by how much landmarks come closer.
    """

    def __init__(self, *, has_masks: bool) -> None:
        self._column = "mask_dice" if has_masks else "landmark_gain_mm"

    @property
    def primary(self) -> tuple[str, str]:
        """Mask Dice after the registration; without masks the fall of the landmark error."""
        return self._column, _ALL

    def summarise(self, rows: Rows) -> dict[str, Any]:
        """Mask Dice and landmark error, each before and after and their difference, and how regular space stays."""
        found = {
            "mask_dice": _mean(rows, "mask_dice", _UNIT),
            "mask_dice_before": _mean(rows, "mask_dice_before", _UNIT),
            "mask_dice_gain": _mean(rows, "mask_dice_gain", (-1.0, 1.0)),
            "landmark_error_mm": _above_zero(_mean(rows, "landmark_error_mm", None)),
            "landmark_error_before_mm": _above_zero(_mean(rows, "landmark_error_before_mm", None)),
            "landmark_gain_mm": _mean(rows, "landmark_gain_mm", None),
            "folded_share": _mean(rows, "folded_share", _UNIT),
            "sd_log_jacobian": _above_zero(_mean(rows, "sd_log_jacobian", None)),
        }
        intervals = {name: {_ALL: value.document()} for name, value in found.items() if value}
        return {**intervals, "definition": "per case, averaged over cases; before: without any registration"}

    def overall(self, rows: Rows) -> Interval | None:
        """The primary measure."""
        return _mean(rows, self._column, _UNIT if self._column == "mask_dice" else None)

    def difference(self, candidate: Rows, champion: Rows) -> Interval | None:
        """The primary measure, candidate minus champion, case by case."""
        theirs = {str(row["case_id"]): row[self._column] for row in champion if row[self._column] is not None}
        pairs = [
            {**row, "difference": row[self._column] - theirs[str(row["case_id"])]}
            for row in candidate
            if str(row["case_id"]) in theirs and row[self._column] is not None
        ]
        return _mean(pairs, "difference", None)

    def case_score(self, rows: Rows) -> float:
        """The primary measure of the case."""
        value = rows[0][self._column]
        return float("-inf") if value is None else float(np.asarray(value))


def _mean(rows: Rows, column: str, bounds: tuple[float, float] | None) -> Interval | None:
    """Over the cases that define it; None where there are none, or one group alone and no bounds."""
    measured: list[Mapping[str, Any]] = [row for row in rows if row[column] is not None]
    groups = [str(row["group_id"]) for row in measured]
    if not measured or (bounds is None and len(set(groups)) < 2):
        return None
    return clustered_mean([float(row[column]) for row in measured], groups, bounds=bounds)


def _above_zero(found: Interval | None) -> Interval | None:
    """An interval of what is not below 0, whatever Student's t says."""
    return replace(found, low=max(0.0, found.low)) if found else None
