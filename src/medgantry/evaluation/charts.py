"""The step `plot_classes`: a classification's curves as KFP's UI draws them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidInput
from medgantry.evaluation.evaluation import Evaluation
from medgantry.steps import step

_GRID = 101


@dataclass(frozen=True, kw_only=True)
class Charts:
    """What KFP's ClassificationMetrics take; every number is finite."""

    classes: list[str]
    matrix: list[list[int]]
    fpr: list[float]
    tpr: list[float]
    thresholds: list[float]


def plot_classes_step(evaluation_folder: Path, *, positive: str) -> Charts:
    """Read the curves of an evaluation; the argument is the component's."""
    with step("plot_classes"):
        return make_charts(Evaluation.open(evaluation_folder), positive)


def make_charts(evaluation: Evaluation, positive: str) -> Charts:
    """The confusion matrix, and the ROC curve of one class or the mean over classes.

    Raises:
        InvalidInput: If the evaluation is none of a classification, or there is no curve of that class.
    """
    if evaluation.task != "classification":
        raise InvalidInput(f"The evaluation is of a {evaluation.task}, which has no classes to plot.")
    curves: Mapping[str, Any] = evaluation.metrics["roc"]
    if positive and positive not in curves:
        raise InvalidInput(f"There is no ROC curve of {positive!r}; there are {sorted(curves)}.")
    confusion = evaluation.metrics["confusion"]
    chosen = curves[positive] if positive else _mean(curves)
    return Charts(
        classes=list(confusion["classes"]),
        matrix=[[int(count) for count in row] for row in confusion["matrix"]],
        fpr=[float(value) for value in chosen["fpr"]],
        tpr=[float(value) for value in chosen["tpr"]],
        thresholds=[float(value) for value in chosen["thresholds"]],
    )


def _mean(curves: Mapping[str, Any]) -> dict[str, list[float]]:
    """Curves averaged at equal 1 - specificity; a mean has no threshold of its own, so that column falls from 1 to 0."""
    grid = np.linspace(0, 1, _GRID)
    if not curves:
        return {"fpr": [0.0, 1.0], "tpr": [0.0, 1.0], "thresholds": [1.0, 0.0]}
    # At a vertical step the upper end counts.
    tpr = np.mean([_upper(curve["fpr"], curve["tpr"], grid) for curve in curves.values()], axis=0)
    start = [[0.0], [0.0], [1.0]]
    columns = [[*first, *values] for first, values in zip(start, (grid, tpr, 1 - grid), strict=True)]
    return dict(
        zip(("fpr", "tpr", "thresholds"), ([float(v) for v in column] for column in columns), strict=True)
    )


def _upper(fpr: list[float], tpr: list[float], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    # Points are sorted, so of equal x the last one, the upper, stays.
    best = dict(zip(fpr, tpr, strict=True))
    return np.asarray(np.interp(grid, list(best), list(best.values())), dtype=np.float64)
