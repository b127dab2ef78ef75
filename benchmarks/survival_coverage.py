"""`python -m benchmarks.survival_coverage [part of a name ...]`: how often intervals of survival metrics hold the truth.

Cohorts of three modalities, each with one feature that matters and four that do not; Weibull times, about 40 %
censored. `one model`: the true risk, judged as an external cohort would be. `refitted`: ridge Cox models in repeated
five-fold cross-validation; the truth is their mean performance on a large cohort without censoring. A cell is the
share of intervals that hold the truth, in percent, and in brackets that of the jackknife of averaged predictions,
which forgets that they are of a cross-validation.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Floats
from medgantry.statistics.interval import Interval
from medgantry.statistics.survival.brier import integrated
from medgantry.statistics.survival.concordance import uno_c
from medgantry.survival.estimators.partial_likelihood import Baseline, RiskSets
from medgantry.survival.estimators.ridge import fit_ridge
from medgantry.survival.evaluation.comparison import gain_of_pooling
from medgantry.survival.evaluation.intervals import Intervals
from medgantry.survival.evaluation.jackknife import Jackknifed
from medgantry.survival.evaluation.measures import Measures, Statistics
from medgantry.survival.folds import stratified_folds
from medgantry.survival.outcome import Outcome
from medgantry.survival.predictions import Predictions

SUBJECTS = (60, 120, 250)
COHORTS, FOLDS, REPEATS = 300, 5, 5
NOISE = 4
LARGE, CHUNK, KNOWN = 10_000, 500, 40
"""Subjects that the truth is known by, in chunks whose pairs are counted, and cohorts whose models are asked."""
TAU = 1500.0
GRID = np.linspace(50, TAU, 25)
_SCALE, _SHAPE = 1500.0, 1.2
_SPAN = NOISE + 1
BLOCKS = {
    "clinical": slice(0, _SPAN),
    "radiomics": slice(_SPAN, 2 * _SPAN),
    "pooled": slice(0, 3 * _SPAN),
}
"""Two of three modalities, and all: modalities are exchangeable."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Where cohorts come from."""

    name: str
    ratio: float
    """Hazard ratio of a standard deviation of each feature that matters."""
    refitted: bool

    def draw(
        self, rng: np.random.Generator, subjects: int, *, censored: bool = True
    ) -> tuple[Floats, Outcome]:
        """Features (n, p) and outcome."""
        x = rng.normal(size=(subjects, 3 * _SPAN))
        hazard = np.exp(x @ self.effect)
        time = _SCALE * (-np.log(rng.random(subjects)) / hazard) ** (1 / _SHAPE)
        leaving = np.minimum(rng.uniform(400, 4000, subjects), rng.exponential(8000, subjects))
        leaving = leaving if censored else np.full(subjects, np.inf)
        return x, Outcome(time=np.minimum(time, leaving) + 1e-3, event=time <= leaving)

    @property
    def effect(self) -> Floats:
        """(p,) true log hazard ratios."""
        return np.tile([np.log(self.ratio)] + [0.0] * NOISE, 3)

    @cached_property
    def large(self) -> tuple[Floats, Outcome]:
        """A cohort to know the truth by."""
        return self.draw(np.random.default_rng(7), LARGE, censored=False)

    def truth(self, risk: Floats, survival: Floats) -> tuple[float, float]:
        """Uno's C and scaled Brier of risks (n,) and survival (n, m) of the large cohort."""
        outcome = self.large[1]
        alive = outcome.time[:, None] > GRID
        known = alive.mean(axis=0)
        score, nothing = (
            float(integrated(values, GRID))
            for values in (((survival - alive) ** 2).mean(axis=0), known * (1 - known))
        )
        chunks = np.split(np.arange(LARGE), LARGE // CHUNK)
        found = [uno_c(outcome.time[chunk], outcome.event[chunk], risk[chunk], TAU) for chunk in chunks]
        return float(np.mean([value for value in found if value is not None])), 1 - score / nothing


WORLDS = (
    World(name="one model, HR 2", ratio=2.0, refitted=False),
    World(name="refitted, HR 2", ratio=2.0, refitted=True),
    World(name="refitted, no effect", ratio=1.0, refitted=True),
)


@dataclass(frozen=True, kw_only=True)
class Model:
    """Coefficients (p,) of a block, and the baseline."""

    coefficients: Floats
    baseline: Baseline

    @classmethod
    def fit(cls, x: Floats, outcome: Outcome) -> "Model":
        """Fit with a penalty that suits the size."""
        penalty = 5 * np.sqrt(x.shape[1]) / len(x)
        found = fit_ridge(x, RiskSets.of(outcome), np.zeros(len(x)), penalty)
        return cls(coefficients=found, baseline=Baseline.of(outcome, x @ found))

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Risk (n,) and survival (n, m)."""
        risk = x @ self.coefficients
        return risk, self.baseline.survival(risk, GRID)


def cross_validated(
    world: World, rng: np.random.Generator, subjects: int
) -> tuple[Predictions, dict[str, Model]]:
    """A cohort with predictions, and one of the models behind them for each candidate."""
    x, outcome = world.draw(rng, subjects)
    repeats = REPEATS if world.refitted else 1
    fold = np.zeros((repeats, subjects), dtype=np.int64)
    risk = {name: np.empty((repeats, subjects)) for name in BLOCKS}
    survival = {name: np.empty((repeats, subjects, len(GRID))) for name in BLOCKS}
    models: dict[str, Model] = {}
    for repeat in range(repeats):
        if world.refitted:
            fold[repeat] = stratified_folds(outcome, FOLDS, rng)
        for name, block in BLOCKS.items():
            for test in (fold[repeat] == number for number in np.unique(fold[repeat])):
                model = (
                    Model.fit(x[~test][:, block], outcome.of(~test)) if world.refitted else _true(world, name)
                )
                risk[name][repeat, test], survival[name][repeat, test] = model.predict(x[test][:, block])
                models[name] = model
    predictions = Predictions(
        subjects=[f"{index:04}" for index in range(subjects)],
        time=outcome.time,
        event=outcome.event,
        grid=GRID,
        fold=fold,
        risk=risk,
        survival=survival,
        table_hash="",
    )
    return predictions, models


@cache
def _true(world: World, name: str) -> Model:
    """The true effects of a block; its baseline is that of a large cohort."""
    (x, outcome), block = world.large, BLOCKS[name]
    effect = world.effect[block]
    return Model(coefficients=effect, baseline=Baseline.of(outcome, x[:, block] @ effect))


def judged(predictions: Predictions) -> dict[str, list[Interval]]:
    """Each statistic with its interval, and the one that forgets cross-validation."""
    measures = Measures(predictions=predictions, tau=TAU)
    plain = Intervals(subjects=len(predictions.subjects), test_to_training=0)
    found: dict[str, list[Interval]] = defaultdict(list)
    for metric, values in (("uno_c", measures.uno()), ("scaled_brier", measures.scaled_brier())):
        averaged: Statistics = {name: _averaged(value) for name, value in values.items()}
        for intervals, each in ((measures.intervals, values), (plain, averaged)):
            make = intervals.share if metric == "uno_c" else intervals.plain
            for name, value in each.items():
                found[f"{metric} {name}"].append(make(value, measures.events))
            gain = gain_of_pooling(each, intervals, measures.events)
            if gain:
                found[f"{metric} pooled - best"].append(gain)
    return found


def _averaged(found: Jackknifed) -> Jackknifed:
    return Jackknifed(
        values=found.values.mean(keepdims=True), without=found.without.mean(axis=0, keepdims=True)
    )


def _truths(world: World, models: Sequence[Mapping[str, Model]]) -> dict[str, float]:
    """What intervals should hold: the mean over models; of a single modality, over both that are judged."""
    x = world.large[0]
    means = {
        name: np.mean([world.truth(*each[name].predict(x[:, block])) for each in models], axis=0)
        for name, block in BLOCKS.items()
    }
    single = (means["clinical"] + means["radiomics"]) / 2
    found: dict[str, float] = {}
    for metric, value, alone in zip(("uno_c", "scaled_brier"), means["pooled"], single, strict=True):
        found |= {f"{metric} pooled": float(value), f"{metric} pooled - best": float(value - alone)}
        found |= {f"{metric} {name}": float(alone) for name in ("clinical", "radiomics")}
    return found


def measure(world: World, subjects: int) -> dict[str, str]:
    """A cell per statistic."""
    rng = np.random.default_rng(20)
    cohorts = [cross_validated(world, rng, subjects) for _ in range(COHORTS)]
    truth = _truths(world, [models for _, models in cohorts[: KNOWN if world.refitted else 1]])
    held: dict[str, list[NDArray[np.bool_]]] = defaultdict(list)
    for predictions, _ in cohorts:
        for name, pair in judged(predictions).items():
            held[name].append(np.array([each.low <= truth[name] <= each.high for each in pair]))
    return {name: "{:.1f} [{:.1f}]".format(*(100 * np.mean(found, axis=0))) for name, found in held.items()}


def main(wanted: list[str]) -> None:
    """Print the table."""
    print("| | " + " | ".join(f"n = {subjects}" for subjects in SUBJECTS) + " |")
    print("|---" * (len(SUBJECTS) + 1) + "|")
    for world in WORLDS:
        if wanted and not any(part in world.name for part in wanted):
            continue
        columns = [measure(world, subjects) for subjects in SUBJECTS]
        for name in columns[0]:
            if "radiomics" not in name:
                print(
                    f"| {world.name}: {name} | " + " | ".join(column[name] for column in columns) + " |",
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:])
