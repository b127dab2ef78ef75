"""All that evaluation says of a classifier, as one document.

What a cohort cannot give is absent from its place and named under `undefined`; nothing is NaN.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.evaluation.classification.agreement import (
    accuracy_interval,
    balanced_accuracy_interval,
    confusion_matrix,
    recall_interval,
)
from medgantry.evaluation.classification.auc import auc_interval, macro_auc_interval
from medgantry.evaluation.classification.calibration import (
    WORST,
    brier,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_curve,
)
from medgantry.evaluation.classification.curves import pr_auc, roc_curve, sensitivity_at
from medgantry.statistics.interval import Interval
from medgantry.statistics.mean import clustered_mean
from medgantry.statistics.resampling import bootstrap_interval

RESERVED = frozenset({"macro", "all"})
"""Names that stand for all classes together, and so for none."""
ROC_POINTS = 200
BRIER_WORST = 2.0
SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may be from 1: float32 or float16 networks round."""

PER_CLASS = (
    "auc",
    "pr_auc",
    "sensitivity",
    "recall",
    "frozen_sensitivity",
    "frozen_specificity",
    "prevalence",
    "roc",
)


def classification_metrics(
    reference: NDArray[np.int_],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    groups: Sequence[str],
    *,
    specificity: float = 0.9,
    thresholds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Metrics of the cases given, ready for JSON.

    Args:
        reference: Class of each case, an index into `classes`.
        probabilities: Array (cases, classes).
        classes: Names of the classes.
        groups: The independent unit of each case: patient or lesion.
        specificity: At which `sensitivity` is read off these cases' own ROC curve. That flatters the model: the
            threshold is chosen on the cases it is judged on. `frozen_sensitivity` does not.
        thresholds: By class, frozen on validation cases; a case at or above is positive.

    Returns:
        By metric and class (`macro` or `all` for the mean) an interval's document: `auc`, `pr_auc`, `sensitivity`,
        `recall`, `frozen_sensitivity`, `frozen_specificity`, `accuracy`, `balanced_accuracy`, `nll` [nats] and
        `brier`. Beside them `prevalence`, `confusion`, `roc`, `ece`, `reliability`, `specificity`, and `undefined`:
        sentences.

    Raises:
        ValueError: Without cases, if lengths differ, or if the probabilities are none.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    _check(reference, probabilities, classes, groups)
    predicted = probabilities.argmax(axis=1)
    cohort = _Cohort(
        reference=reference, probabilities=probabilities, predicted=predicted, classes=classes, groups=groups
    )
    for label in range(len(classes)):
        _describe(cohort, label, specificity)
        if thresholds is not None:
            _freeze(cohort, label, thresholds)
    macro = macro_auc_interval(reference, probabilities, groups)
    if macro is None:
        cohort.undefined.append("auc of macro: all cases are of one class.")
    else:
        cohort.found["auc"]["macro"] = macro.document()
    losses = negative_log_likelihood(reference, probabilities).tolist()
    distances = np.minimum(brier(reference, probabilities), BRIER_WORST).tolist()
    return {
        **cohort.found,
        "accuracy": {"all": accuracy_interval(reference, predicted, groups).document()},
        "balanced_accuracy": {"all": balanced_accuracy_interval(reference, predicted, groups).document()},
        "confusion": {
            "classes": list(classes),
            "matrix": confusion_matrix(reference, predicted, len(classes)).tolist(),
        },
        "ece": expected_calibration_error(reference, probabilities),
        "reliability": reliability_curve(reference, probabilities),
        "nll": {"all": clustered_mean(losses, groups, bounds=(0.0, WORST)).document()},
        "brier": {"all": clustered_mean(distances, groups, bounds=(0.0, BRIER_WORST)).document()},
        "specificity": float(specificity),
        "undefined": cohort.undefined,
    }


@dataclass(frozen=True, kw_only=True)
class _Cohort:
    reference: NDArray[np.int_]
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.int_]
    classes: Sequence[str]
    groups: Sequence[str]
    found: dict[str, dict[str, Any]] = field(default_factory=lambda: {metric: {} for metric in PER_CLASS})
    undefined: list[str] = field(default_factory=list)


def _check(
    reference: NDArray[np.int_],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    groups: Sequence[str],
) -> None:
    if not len(reference):
        raise ValueError("Metrics need at least one case.")
    if probabilities.shape != (len(reference), len(classes)) or len(groups) != len(reference):
        raise ValueError(
            f"{len(reference)} cases of {len(classes)} classes need as many groups and rows of probabilities, "
            f"got {len(groups)} and an array {probabilities.shape}."
        )
    if reference.min() < 0 or reference.max() >= len(classes):
        raise ValueError(f"A reference is an index below {len(classes)}, got {reference.max()}.")
    if len(set(classes)) < len(classes) or RESERVED & set(classes):
        raise ValueError(f"Names of classes must differ and be none of macro, all; got {list(classes)}.")
    if not np.isfinite(probabilities).all() or probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError("Probabilities must lie in [0, 1]; apply softmax to logits first.")
    if np.abs(probabilities.sum(axis=1) - 1).max() > SUM_TOLERANCE:
        raise ValueError("Probabilities of a case must sum to 1; apply softmax to logits first.")


def _describe(cohort: _Cohort, label: int, specificity: float) -> None:
    """Metrics of one class against the rest."""
    name, groups = cohort.classes[label], cohort.groups
    positive, scores = cohort.reference == label, cohort.probabilities[:, label]
    cohort.found["prevalence"][name] = float(positive.mean())
    recall = recall_interval(cohort.reference, cohort.predicted, label, groups)
    if recall is None:
        cohort.undefined.append(f"recall of {name}: no case is of this class.")
    else:
        cohort.found["recall"][name] = recall.document()
    if positive.all() or not positive.any():
        reason = "every case" if positive.all() else "no case"
        cohort.undefined.extend(
            f"{metric} of {name}: {reason} is of this class."
            for metric in ("auc", "pr_auc", "sensitivity", "roc")
        )
        return
    _keep(cohort, "auc", name, auc_interval(positive, scores, groups))
    ours, others = (
        len({groups[case] for case in np.flatnonzero(side).tolist()}) for side in (positive, ~positive)
    )
    # With one patient on a side, resampling has nothing to tell apart.
    carried = 1 if others == 1 else ours

    def on_draws(
        statistic: Callable[[NDArray[np.bool_], NDArray[np.float64]], float | None],
    ) -> Interval | None:
        return bootstrap_interval(
            lambda drawn: statistic(positive[drawn], scores[drawn]), groups, units=carried
        )

    _keep(cohort, "pr_auc", name, on_draws(pr_auc))
    _keep(
        cohort, "sensitivity", name, on_draws(lambda side, values: sensitivity_at(side, values, specificity))
    )
    cohort.found["roc"][name] = _thinned(*roc_curve(positive, scores))


def _freeze(cohort: _Cohort, label: int, thresholds: Mapping[str, float]) -> None:
    """Sensitivity and specificity of one class at the threshold that validation gave it."""
    name = cohort.classes[label]
    positive = cohort.reference == label
    for metric, side in (("frozen_sensitivity", positive), ("frozen_specificity", ~positive)):
        chosen = np.flatnonzero(side)
        if name not in thresholds:
            cohort.undefined.append(f"{metric} of {name}: no threshold was frozen for this class.")
        elif not len(chosen):
            which = "no case" if side is positive else "every case"
            cohort.undefined.append(f"{metric} of {name}: {which} is of this class.")
        else:
            called = cohort.probabilities[chosen, label] >= thresholds[name]
            right = (called == positive[chosen]).astype(float).tolist()
            groups = [cohort.groups[case] for case in chosen.tolist()]
            _keep(cohort, metric, name, clustered_mean(right, groups, bounds=(0.0, 1.0)))


def _keep(cohort: _Cohort, metric: str, name: str, found: Interval | None) -> None:
    # Both sides have a case here, so that every statistic is defined.
    assert found is not None
    cohort.found[metric][name] = found.document()


def _thinned(
    fpr: NDArray[np.float64], tpr: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> dict[str, list[float]]:
    """At most `ROC_POINTS` of the curve, both ends among them."""
    kept = np.unique(np.linspace(0, len(fpr) - 1, ROC_POINTS).round().astype(int))
    return {"fpr": fpr[kept].tolist(), "tpr": tpr[kept].tolist(), "thresholds": thresholds[kept].tolist()}
