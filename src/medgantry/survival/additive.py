"""The model: a sum of what each modality says, over the modalities that a subject has.

    log relative hazard(subject) = sum over modalities m that the subject has of  f_m(x_m)

Each f_m is a regression on that modality's columns. It has mean 0 over the subjects it was fitted on, so that a
modality that was not measured says 'as the average' by saying nothing: no value is invented for it. A model of one
modality is the same sum with one term.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medgantry.statistics.arrays import Flags, Floats
from medgantry.survival.estimators.partial_likelihood import Baseline
from medgantry.survival.estimators.regression import Fitted, Tuning, read_fitted
from medgantry.survival.preparation.preparation import Preparation
from medgantry.survival.settings import EstimatorName


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A modality of a training side: what was learnt of it, and its columns."""

    preparation: Preparation
    x: Floats
    """(n, k) of all subjects, those to be predicted included."""
    present: Flags
    """(n,)"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """What one modality says."""

    fitted: Fitted
    centre: float
    """Mean of the fitted risk over the subjects it was fitted on."""

    def risk(self, x: Floats, present: Flags) -> Floats:
        """(n,) 0 for subjects without the modality."""
        risk = np.zeros(len(present))
        if present.any():
            risk[present] = self.fitted.risk(x[present]) - self.centre
        return risk


@dataclass(frozen=True, kw_only=True, eq=False)
class Additive:
    """Terms by modality, and the baseline hazard."""

    estimator: EstimatorName
    tuning: Tuning
    terms: Mapping[str, Term]
    baseline: Baseline

    def risk(self, prepared: Mapping[str, Prepared], subjects: int) -> Floats:
        """Log relative hazards (subjects,)."""
        risk = np.zeros(subjects)
        for name in sorted(self.terms):  # in an order that saving keeps, since sums round
            term = self.terms[name]
            risk += term.risk(prepared[name].x, prepared[name].present)
        return risk

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "estimator": self.estimator,
            "tuning": self.tuning.document(),
            "terms": {
                name: {"fitted": term.fitted.document(), "centre": term.centre}
                for name, term in self.terms.items()
            },
            "baseline": {"days": self.baseline.days.tolist(), "hazard": self.baseline.hazard.tolist()},
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Additive":
        """What `document` gave."""
        estimator: EstimatorName = document["estimator"]
        return cls(
            estimator=estimator,
            tuning=Tuning(**document["tuning"]),
            terms={
                name: Term(fitted=read_fitted(estimator, term["fitted"]), centre=term["centre"])
                for name, term in document["terms"].items()
            },
            baseline=Baseline(
                days=np.array(document["baseline"]["days"]), hazard=np.array(document["baseline"]["hazard"])
            ),
        )
