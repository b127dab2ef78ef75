"""One interface to all estimators: keep the strongest columns, then regress."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from medgantry.statistics.arrays import Floats
from medgantry.survival.estimators.boosted import Trees, fit_aft_trees, fit_cox_trees
from medgantry.survival.estimators.linear import Linear
from medgantry.survival.estimators.partial_likelihood import RiskSets
from medgantry.survival.estimators.ridge import fit_ridge
from medgantry.survival.estimators.screening import strongest
from medgantry.survival.outcome import Outcome
from medgantry.survival.settings import EstimatorName, Settings


class Fitted(Protocol):
    """What an estimator makes."""

    def risk(self, x: Floats) -> Floats:
        """Log relative hazards (n,) of columns (n, p)."""

    def used(self) -> list[int]:
        """Columns that were kept."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What the inner cross-validation chooses."""

    kept: int
    """Columns of a modality."""
    penalty: float = 0.0
    """Of `cox`."""
    rounds: int = 0
    """Of the boosted estimators."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def tunings(settings: Settings) -> Sequence[Tuning]:
    """All that the inner cross-validation chooses among, simplest first: of equals the first is chosen."""
    kept = sorted(settings.kept)
    if settings.estimator == "cox":
        return [Tuning(kept=k, penalty=p) for k in kept for p in sorted(settings.penalties, reverse=True)]
    return [Tuning(kept=k, rounds=r) for k in kept for r in sorted(settings.rounds)]


def fit_regression(
    estimator: EstimatorName, x: Floats, outcome: Outcome, sets: RiskSets, offset: Floats, tuning: Tuning
) -> Fitted:
    """Fit.

    Args:
        estimator: Which.
        x: Prepared columns (n, p).
        outcome: Of n subjects.
        sets: Of the same.
        offset: Log relative hazards (n,) that others account for.
        tuning: What was chosen.
    """
    columns = strongest(x, sets, offset, tuning.kept)
    if estimator == "boosted-cox":
        return fit_cox_trees(x, columns, outcome, offset, tuning.rounds)
    if estimator == "boosted-aft":
        return fit_aft_trees(x, columns, outcome, offset, tuning.rounds)
    coefficients = np.zeros(x.shape[1])
    coefficients[columns] = fit_ridge(x[:, columns], sets, offset, tuning.penalty)
    return Linear(coefficients=coefficients)


def read_fitted(estimator: EstimatorName, document: dict[str, Any]) -> Fitted:
    """What `document` of a fitted regression gave."""
    return Linear.read(document) if estimator == "cox" else Trees.read(document)
