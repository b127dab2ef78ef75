"""The inner cross-validation: which tuning predicts the left-out subjects best.

A tuning's score is the cross-validated partial likelihood: what the likelihood of all subjects is more than that of
the training subjects alone, under the model fitted on the latter, summed over the folds. It works with few events per
fold, because the left-out subjects are judged among all others.

Source: Verweij and van Houwelingen, Statistics in Medicine 12 (1993).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from medgantry.statistics.arrays import Flags
from medgantry.survival.additive import Additive
from medgantry.survival.estimators.partial_likelihood import RiskSets
from medgantry.survival.estimators.regression import Tuning, tunings
from medgantry.survival.folds import stratified_folds
from medgantry.survival.outcome import Outcome
from medgantry.survival.settings import Settings
from medgantry.survival.side import Blocks, Side

Candidates = Mapping[str, Sequence[str]]
"""Name -> the modalities that its sum is made of."""


def fit_tuned(
    blocks: Blocks,
    outcome: Outcome,
    training: Flags,
    candidates: Candidates,
    settings: Settings,
    rng: np.random.Generator,
) -> tuple[Side, dict[str, Additive]]:
    """Choose each candidate's tuning within the training side, and fit it with that on the whole of it.

    Args:
        blocks: Of n subjects.
        outcome: Of the same; only that of the training side is looked at.
        training: (n,) the training side.
        candidates: What to fit.
        settings: The settings.
        rng: Draws the inner folds.
    """
    chosen = _choose(blocks, outcome, training, candidates, settings, rng)
    side = Side.of(blocks, outcome, training)
    return side, {
        name: side.fit(modalities, settings.estimator, chosen[name])
        for name, modalities in candidates.items()
    }


def _choose(
    blocks: Blocks,
    outcome: Outcome,
    training: Flags,
    candidates: Candidates,
    settings: Settings,
    rng: np.random.Generator,
) -> dict[str, Tuning]:
    grid = tunings(settings)
    if len(grid) == 1:
        return dict.fromkeys(candidates, grid[0])
    members = np.flatnonzero(training)
    folds = stratified_folds(outcome.of(members), settings.inner_folds, rng)
    all_sets = RiskSets.of(outcome.of(members))
    scores = {name: np.zeros(len(grid)) for name in candidates}
    for fold in range(settings.inner_folds):
        inner = np.zeros(len(training), dtype=bool)
        inner[members[folds != fold]] = True
        side, sets = Side.of(blocks, outcome, inner), RiskSets.of(outcome.of(inner))
        for name, modalities in candidates.items():
            for place, tuning in enumerate(grid):
                risk = side.fit(modalities, settings.estimator, tuning).risk(side.prepared, len(training))
                scores[name][place] += all_sets.log_likelihood(risk[members]) - sets.log_likelihood(
                    risk[inner]
                )
    return {name: grid[int(np.argmax(found))] for name, found in scores.items()}
