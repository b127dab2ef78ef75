"""Learning: cross-validated predictions of every candidate, and the models fitted on everybody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidInput
from medgantry.fingerprint import code_fingerprint
from medgantry.statistics.arrays import Floats
from medgantry.survival.additive import Additive
from medgantry.survival.cross_validation import FoldResult, Work, cross_validate, gather
from medgantry.survival.findings import coefficients, found_out
from medgantry.survival.folds import generator
from medgantry.survival.importance import summarize
from medgantry.survival.model import SurvivalModel
from medgantry.survival.outcome import Outcome
from medgantry.survival.predictions import Predictions
from medgantry.survival.proportional_hazards import schoenfeld_test
from medgantry.survival.settings import Settings
from medgantry.survival.side import Side
from medgantry.survival.study import Study
from medgantry.survival.tuning import fit_tuned

_GRID_STEPS = 40
_STILL_THERE = 5
"""Subjects still under observation on the last day of the grid."""


def default_grid(outcome: Outcome) -> Floats:
    """(m,) even days over the follow-up, up to one on which some subjects are still under observation."""
    last = np.sort(outcome.time)[-min(_STILL_THERE, len(outcome.time))]
    return np.linspace(0, last, _GRID_STEPS + 1)[1:]


def collect(
    subjects: Sequence[str],
    work: Work,
    folds: NDArray[np.int64],
    results: Sequence[FoldResult],
    *,
    table_hash: str,
    provenance: Mapping[str, Any],
) -> Predictions:
    """The out-of-fold predictions of all candidates."""
    gathered = {name: gather(folds, results, name) for name in work.candidates}
    return Predictions(
        subjects=subjects,
        time=work.outcome.time,
        event=work.outcome.event,
        grid=work.grid,
        fold=folds,
        risk={name: risk for name, (risk, _) in gathered.items()},
        survival={name: survival for name, (_, survival) in gathered.items()},
        table_hash=table_hash,
        provenance=provenance,
    )


def final_models(work: Work) -> tuple[Side, dict[str, Additive]]:
    """Every candidate fitted on everybody, by the same procedure as within a fold."""
    everybody = np.ones(len(work.outcome.time), dtype=bool)
    rng = generator(work.seed, "everybody")
    return fit_tuned(work.blocks, work.outcome, everybody, work.candidates, work.settings, rng)


def train(
    study: Study, settings: Settings, *, seed: int, table_hash: str, advance: Callable[[int, int], None]
) -> SurvivalModel:
    """Learn from a study: cross-validate, then fit on everybody.

    Args:
        study: Subjects, outcomes, features.
        settings: The settings.
        seed: Draws folds and permutations.
        table_hash: Of the table that the study was taken from.
        advance: Told how many outer folds are done, of how many.

    Raises:
        InvalidInput: If there are too few subjects with or without the event for the folds.
    """
    check_enough(study.outcome, settings)
    work = Work(
        blocks=study.blocks,
        outcome=study.outcome,
        candidates=study.candidates(),
        settings=settings,
        grid=np.array(settings.grid, dtype=np.float64) if settings.grid else default_grid(study.outcome),
        seed=seed,
    )
    folds, results = cross_validate(work, advance)
    side, models = final_models(work)
    said = _provenance(work, study)
    predictions = collect(study.subjects, work, folds, results, table_hash=table_hash, provenance=said)
    first = next(iter(models.values()))
    return SurvivalModel(
        columns=study.columns,
        preparations={name: each.preparation for name, each in side.prepared.items()},
        models=models,
        predictions=predictions,
        coefficients=coefficients(first, side.prepared, study.blocks),
        importance=summarize(
            [result.importance for result in results],
            {column.name: modality for modality, each in study.columns.items() for column in each},
            1 / (settings.folds - 1),
        ),
        proportional_hazards=schoenfeld_test(first, side.prepared, study.blocks, study.outcome),
        entries=study.entries,
        provenance={**said, **found_out(work, side, models, predictions, results), "table_hash": table_hash},
    )


def check_enough(outcome: Outcome, settings: Settings) -> None:
    """Refuse what cannot be cross-validated.

    Raises:
        InvalidInput: With what is there and what is needed.
    """
    events, others = int(outcome.event.sum()), int((~outcome.event).sum())
    least = settings.folds * 2
    if events < least or events + others < 2 * least:
        raise InvalidInput(
            f"{settings.folds} folds need at least {least} subjects with the event and {2 * least} in all; found "
            f"{events} and {events + others}.",
            "Follow more subjects, or for longer; the ledger says who was left out.",
        )


def _provenance(work: Work, study: Study) -> dict[str, Any]:
    settings = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(work.settings).items()
    }
    return {
        "origin": work.settings.origin,
        "estimator": work.settings.estimator,
        "seed": work.seed,
        "settings": settings,
        "code": code_fingerprint(),
        "subjects": len(study.subjects),
        "events": int(work.outcome.event.sum()),
    }
