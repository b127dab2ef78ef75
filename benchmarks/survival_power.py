"""`python -m benchmarks.survival_power [first seed] [settings]`: does pooling modalities pay, and does noise stay noise?

Twenty cohorts with one planted feature per modality (hazard ratio 2.2 each), and the same cohorts with outcomes dealt
out anew. Each is learnt from by the procedure of `train_survival` and judged by that of `evaluate_survival`: C of the
pooled model minus that of the best single modality, paired. A row has the cohorts in which the two-sided 95 % interval
lies above 0, those in which the one-sided 95 % lower bound does, and those in which the interval excludes 0.
"""

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from scipy import stats

from medgantry.features.column import CATEGORY, NUMBER, Column
from medgantry.phantoms.nsclc.expression import PUBLISHED_GENES
from medgantry.phantoms.nsclc.hazard import PLANTED
from medgantry.phantoms.nsclc.tables import Tables, make_tables
from medgantry.statistics.score import critical_value
from medgantry.survival.cross_validation import Work, outer_folds, run_fold
from medgantry.survival.evaluation.comparison import gain_of_pooling
from medgantry.survival.evaluation.horizons import last_day
from medgantry.survival.evaluation.intervals import Intervals
from medgantry.survival.evaluation.measures import Measures, Statistics
from medgantry.survival.outcome import Outcome
from medgantry.survival.predictions import MODALITIES, POOLED
from medgantry.survival.preparation.block import Block, encode
from medgantry.survival.settings import Settings
from medgantry.survival.train import collect, default_grid, final_models

COHORTS = 20
SHAPES = ((120, 21), (200, 21), (200, 301))
"""Patients and genes: a small cohort, one of the size of NSCLC Radiogenomics (211), and one with genes to choose from."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A cohort to learn from."""

    seed: int
    patients: int
    genes: int
    """The 21 published ones, or all 301."""
    shuffled: bool
    settings: Settings


@dataclass(frozen=True, kw_only=True)
class Gain:
    """C of the pooled model, and what it gains over the best single modality."""

    pooled: float
    estimate: float
    low: float
    high: float
    bound: float
    """One-sided, 95 %."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was learnt from a cohort."""

    gains: Mapping[str, Gain]
    """By metric."""
    signs: int
    """Planted features whose coefficient in the pooled model has the right sign."""


def learn(case: Case) -> Found:
    """Learn from a cohort, and judge."""
    tables = make_tables(case.patients, seed=case.seed)
    blocks = {name: _block(name, tables, case.genes) for name in MODALITIES}
    outcome = Outcome(time=tables.time_days, event=tables.event)
    if case.shuffled:
        outcome = outcome.of(np.random.default_rng([case.seed, 1]).permutation(case.patients))
    work = Work(
        blocks=blocks,
        outcome=outcome,
        candidates={POOLED: list(blocks), **{name: [name] for name in blocks}},
        settings=case.settings,
        grid=default_grid(outcome),
        seed=case.seed,
    )
    folds = outer_folds(work)
    tasks = [(repeat, fold) for repeat in range(len(folds)) for fold in range(case.settings.folds)]
    results = [run_fold(work, folds, *task) for task in tasks]
    subjects = [f"{place:03d}" for place in range(case.patients)]
    predictions = collect(subjects, work, folds, results, table_hash="", provenance={})
    measures = Measures(predictions=predictions, tau=last_day(predictions))
    metrics = {"Uno": measures.uno(), "Harrell": measures.harrell()}
    return Found(
        gains={name: _gain(found, measures.intervals, measures.events) for name, found in metrics.items()},
        signs=_signs(work),
    )


def _gain(found: Statistics, intervals: Intervals, events: int) -> Gain:
    interval = gain_of_pooling(found, intervals, events)
    assert interval is not None
    one_sided = float(stats.t.ppf(0.95, events - 1)) / critical_value(events - 1)
    singles = [intervals.plain(found[POOLED] - found[name], events) for name in MODALITIES]
    return Gain(
        pooled=found[POOLED].value,
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        bound=min(each.estimate - one_sided * (each.estimate - each.low) for each in singles),
    )


def _block(modality: str, tables: Tables, genes: int) -> Block:
    columns = tables.columns[modality]
    if modality == "expression" and genes == len(PUBLISHED_GENES):
        columns = {name: columns[name] for name in PUBLISHED_GENES}
    described = []
    for name, values in columns.items():
        words = sorted({value for value in values if value is not None}) if values.dtype == object else ()
        kind = CATEGORY if words else NUMBER
        described.append(Column(name=name, role="baseline", kind=kind, categories=words, modality=modality))
    rows = [
        # NaN, which equals nothing, stands for missing in the tables.
        {name: values[place] if values[place] == values[place] else None for name, values in columns.items()}
        for place in range(len(tables.subjects))
    ]
    return encode(modality, described, rows)


def _signs(work: Work) -> int:
    side, models = final_models(work)
    right = 0
    for modality, planted in PLANTED.items():
        name = "age" if modality == "clinical" else planted.feature
        names = [work.blocks[modality].names[index] for index in side.prepared[modality].preparation.columns]
        coefficients = models[POOLED].terms[modality].fitted.document()["coefficients"]
        right += sum(
            value * planted.sign > 0
            for known, value in zip(names, coefficients, strict=True)
            if known == name
        )
    return right


def main(first: int, settings: Settings) -> None:
    """Print a Markdown table."""
    print(
        "| patients | genes | outcomes | C | pooled | gain | interval > 0 | bound > 0 | excludes 0 | signs |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("forkserver")) as pool:
        for shuffled in (False, True):
            for patients, genes in SHAPES:
                one = Case(seed=first, patients=patients, genes=genes, shuffled=shuffled, settings=settings)
                cases = [replace(one, seed=seed) for seed in range(first, first + COHORTS)]
                found = list(pool.map(learn, cases))
                for metric in ("Uno", "Harrell"):
                    print(_row(one, metric, found), flush=True)


def _row(case: Case, metric: str, found: list[Found]) -> str:
    gains = [each.gains[metric] for each in found]
    above = sum(gain.low > 0 for gain in gains)
    cells = (
        case.patients,
        case.genes,
        "shuffled" if case.shuffled else "planted",
        metric,
        f"{np.mean([gain.pooled for gain in gains]):.3f}",
        f"{np.mean([gain.estimate for gain in gains]):.3f}",
        above,
        sum(gain.bound > 0 for gain in gains),
        above + sum(gain.high < 0 for gain in gains),
        f"{sum(each.signs for each in found)} of {3 * len(found)}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    arguments = [*sys.argv[1:], "", ""][:2]
    main(int(arguments[0] or 0), Settings.read(arguments[1]))
