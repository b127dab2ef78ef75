"""Fitting the sum: each modality in turn, on the subjects who have it, given what the others say of them.

Source: Hastie and Tibshirani, Generalized Additive Models (1990), section 4.4, for backfitting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medgantry.statistics.arrays import Flags, Floats
from medgantry.survival.additive import Additive, Prepared, Term
from medgantry.survival.estimators.partial_likelihood import Baseline, RiskSets
from medgantry.survival.estimators.regression import Tuning, fit_regression
from medgantry.survival.outcome import Outcome
from medgantry.survival.preparation.block import Block
from medgantry.survival.preparation.preparation import Preparation
from medgantry.survival.settings import EstimatorName

CYCLES = 3
"""Rounds of backfitting."""

Blocks = Mapping[str, Block]


def prepare(blocks: Blocks, training: Flags) -> Mapping[str, Prepared]:
    """Learn each modality's preparation from the training side (n,), and put it to all subjects."""
    made = {}
    for modality, block in blocks.items():
        preparation = Preparation.fit(block, training)
        made[modality] = Prepared(preparation=preparation, x=preparation.apply(block), present=block.present)
    return made


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """The training side of a fold: all that fits of any candidate and any tuning share."""

    outcome: Outcome
    """Of all n subjects."""
    training: Flags
    """(n,)"""
    prepared: Mapping[str, Prepared]
    own: Mapping[str, tuple[Flags, Outcome, RiskSets]]
    """Modality -> who of the n is fitted on (n,), their outcomes, their risk sets."""

    @classmethod
    def of(cls, blocks: Blocks, outcome: Outcome, training: Flags) -> "Side":
        """Prepare the blocks of n subjects by those of the training side (n,)."""
        prepared = prepare(blocks, training)
        own = {}
        for name, each in prepared.items():
            inside = training & each.present
            # Without an event there is no likelihood, and the modality says nothing.
            if outcome.event[inside].any():
                own[name] = (inside, outcome.of(inside), RiskSets.of(outcome.of(inside)))
        return cls(outcome=outcome, training=training, prepared=prepared, own=own)

    def fit(self, modalities: Sequence[str], estimator: EstimatorName, tuning: Tuning) -> Additive:
        """Fit the sum of some modalities."""
        chosen = [name for name in modalities if name in self.own and self.prepared[name].x.shape[1]]
        terms: dict[str, Term] = {}
        said = {name: np.zeros(len(self.training)) for name in chosen}
        risk = np.zeros(len(self.training))
        for _ in range(CYCLES if len(chosen) > 1 else 1):
            for name in chosen:
                others = risk - said[name]
                terms[name] = self._term(name, others, estimator, tuning)
                said[name] = terms[name].risk(self.prepared[name].x, self.prepared[name].present)
                risk = others + said[name]
        baseline = Baseline.of(self.outcome.of(self.training), risk[self.training])
        return Additive(estimator=estimator, tuning=tuning, terms=terms, baseline=baseline)

    def _term(self, name: str, offset: Floats, estimator: EstimatorName, tuning: Tuning) -> Term:
        inside, outcome, sets = self.own[name]
        x = self.prepared[name].x[inside]
        fitted = fit_regression(estimator, x, outcome, sets, offset[inside], tuning)
        return Term(fitted=fitted, centre=float(fitted.risk(x).mean()))
