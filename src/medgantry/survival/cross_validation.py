"""Repeated nested cross-validation: every prediction is by a model that has not seen its subject in any way.

Preparation, screening, the choice of the tuning and the fit happen within the training side of each outer fold.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from medgantry.processes import die_with_parent
from medgantry.statistics.arrays import Floats
from medgantry.survival.estimators.regression import Tuning
from medgantry.survival.folds import generator, stratified_folds
from medgantry.survival.importance import Drops, permutation_drops
from medgantry.survival.outcome import Outcome
from medgantry.survival.settings import Settings
from medgantry.survival.side import Blocks
from medgantry.survival.tuning import Candidates, fit_tuned


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """All that a fold's process needs; the same for every fold."""

    blocks: Blocks
    outcome: Outcome
    candidates: Candidates
    settings: Settings
    grid: Floats
    """(m,) days."""
    seed: int


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldResult:
    """What the models of one outer fold said of its test side."""

    repeat: int
    test: NDArray[np.intp]
    """(t,) indices of the test side's subjects."""
    risk: dict[str, Floats]
    """Candidate -> (t,)"""
    survival: dict[str, Floats]
    """Candidate -> (t, m)"""
    tuning: dict[str, Tuning]
    """Candidate -> what its inner cross-validation chose."""
    importance: Drops
    """Of the first candidate's features."""


def outer_folds(work: Work) -> NDArray[np.int64]:
    """(repeats, n) the outer fold of each subject."""
    return np.stack(
        [
            stratified_folds(work.outcome, work.settings.folds, generator(work.seed, "outer", repeat))
            for repeat in range(work.settings.repeats)
        ]
    )


def cross_validate(
    work: Work, advance: Callable[[int, int], None]
) -> tuple[NDArray[np.int64], list[FoldResult]]:
    """Run all outer folds, as many at once as there are processors.

    Args:
        work: What to do.
        advance: Told how many folds are done, of how many.

    Returns:
        The folds (repeats, n), and a result per repeat and fold; the same whatever the number of processors.
    """
    folds = outer_folds(work)
    tasks = [(repeat, fold) for repeat in range(len(folds)) for fold in range(work.settings.folds)]
    results: list[FoldResult] = []
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    # Not forked, which would copy locks that the store's threads may hold.
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_start, initargs=(work, folds)
    ) as pool:
        for result in pool.map(_run, tasks):
            results.append(result)
            advance(len(results), len(tasks))
    return folds, results


def gather(folds: NDArray[np.int64], results: Sequence[FoldResult], name: str) -> tuple[Floats, Floats]:
    """A candidate's risk (repeats, n) and survival (repeats, n, m)."""
    risk = np.empty(folds.shape)
    survival = np.empty((*folds.shape, results[0].survival[name].shape[1]))
    for result in results:
        risk[result.repeat, result.test] = result.risk[name]
        survival[result.repeat, result.test] = result.survival[name]
    return risk, survival


def run_fold(work: Work, folds: NDArray[np.int64], repeat: int, fold: int) -> FoldResult:
    """Fit every candidate on all but one fold, and predict that one."""
    training = folds[repeat] != fold
    test = np.flatnonzero(~training)
    rng = generator(work.seed, "inner", repeat, fold)
    side, models = fit_tuned(work.blocks, work.outcome, training, work.candidates, work.settings, rng)
    risk = {name: model.risk(side.prepared, len(training))[test] for name, model in models.items()}
    survival = {name: models[name].baseline.survival(values, work.grid) for name, values in risk.items()}
    first = next(iter(models.values()))
    return FoldResult(
        repeat=repeat,
        test=test,
        risk=risk,
        survival=survival,
        tuning={name: model.tuning for name, model in models.items()},
        importance=permutation_drops(first, side.prepared, work.blocks, work.outcome, test, rng),
    )


_SHARED: list[tuple[Work, NDArray[np.int64]]] = []
"""In a fold's process: what came with its start."""


def _start(work: Work, folds: NDArray[np.int64]) -> None:
    die_with_parent()
    _SHARED[:] = [(work, folds)]


def _run(task: tuple[int, int]) -> FoldResult:
    return run_fold(*_SHARED[0], *task)
