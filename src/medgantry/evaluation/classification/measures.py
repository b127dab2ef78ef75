"""What is made of a classifier's per-case rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidBundle
from medgantry.evaluation.classification.auc import macro_auc_difference, macro_auc_interval
from medgantry.evaluation.classification.calibration import (
    expected_calibration_error,
    negative_log_likelihood,
)
from medgantry.evaluation.classification.metrics import RESERVED, classification_metrics
from medgantry.evaluation.classification.temperature import apply_temperature
from medgantry.evaluation.measures import Rows
from medgantry.statistics.interval import Interval
from medgantry.statistics.mean import clustered_mean

_SPECIFICITY = 0.9
"""Where sensitivity is read, when the bundle does not say."""


def probability(name: str) -> str:
    """Column of a class's calibrated probability."""
    return f"probability {name}"


def logit(name: str) -> str:
    """Column of a class's logit, before calibration."""
    return f"logit {name}"


class ClassificationMeasures:
    """Discrimination and calibration, with intervals over groups.

    Args:
        classes: The bundle's outputs.
        calibration: What training wrote into the bundle's provenance; empty for a bundle that has none.
    """

    primary = ("auc", "macro")

    def __init__(self, classes: Sequence[str], calibration: Mapping[str, Any]) -> None:
        taken = sorted(RESERVED & set(classes))
        if taken:
            raise InvalidBundle(f"No class may be called {taken[0]!r}.", "Give it another name at ingest.")
        self._classes, self._calibration = list(classes), calibration

    def summarise(self, rows: Rows) -> dict[str, Any]:
        """All of `classification_metrics`, and what calibration did."""
        reference, probabilities, groups = self._arrays(rows)
        metrics = classification_metrics(
            reference,
            probabilities,
            self._classes,
            groups,
            specificity=float(self._calibration.get("specificity", _SPECIFICITY)),
            thresholds=self._calibration.get("thresholds"),
        )
        return {**metrics, "calibration": self._calibrated(rows, reference, probabilities, groups)}

    def _calibrated(
        self,
        rows: Rows,
        reference: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        groups: Sequence[str],
    ) -> dict[str, Any]:
        """Log loss [nat] and calibration error of the logits as they are, beside the calibrated ones."""
        logits = np.array([[row[logit(name)] for name in self._classes] for row in rows])
        raw = apply_temperature(logits, 1.0)
        change = negative_log_likelihood(reference, probabilities) - negative_log_likelihood(reference, raw)
        found: dict[str, Any] = {
            "temperature": self._calibration.get("temperature", 1.0),
            "fitted_on": self._calibration.get("cases", 0),
            "ece_before": expected_calibration_error(reference, raw),
            "ece_after": expected_calibration_error(reference, probabilities),
        }
        if len(set(groups)) > 1:
            found["nll_change"] = clustered_mean([float(value) for value in change], groups).document()
        return found

    def overall(self, rows: Rows) -> Interval | None:
        """Mean over classes of the area under the ROC curve, each class against the others."""
        return macro_auc_interval(*self._arrays(rows))

    def difference(self, candidate: Rows, champion: Rows) -> Interval | None:
        """Macro AUC, candidate minus champion, on the cases of both."""
        theirs = {str(row["case_id"]): row for row in champion}
        shared = [row for row in candidate if str(row["case_id"]) in theirs]
        if not shared:
            return None
        reference, ours, groups = self._arrays(shared)
        _, other, _ = self._arrays([theirs[str(row["case_id"])] for row in shared])
        return macro_auc_difference(reference, ours, other, groups)

    def case_score(self, rows: Rows) -> float:
        """Probability that was given to the right class."""
        return float(rows[0][probability(rows[0]["reference"])])

    def _arrays(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64], list[str]]:
        reference = np.array([self._classes.index(row["reference"]) for row in rows], dtype=np.int64)
        probabilities = np.array([[row[probability(name)] for name in self._classes] for row in rows])
        return reference, probabilities, [str(row["group_id"]) for row in rows]
