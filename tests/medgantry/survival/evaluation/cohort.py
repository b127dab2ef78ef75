"""A cohort whose hazard is known, and predictions that see parts of it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from medgantry.features.column import Column
from medgantry.features.table import FeatureTable
from medgantry.ledger import Entry
from medgantry.survival.model import SurvivalModel
from medgantry.survival.predictions import Predictions

MODALITIES = ("clinical", "radiomics", "expression")
SCALE, SHAPE = 1500.0, 1.2
"""Of the Weibull distribution of times, in days."""


def draw(
    generator: np.random.Generator, subjects: int, effect: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Three standard normal features (n, 3) of one log hazard ratio, days and events; about 40 % are censored."""
    features = generator.normal(size=(subjects, 3))
    hazard = np.exp(effect * features.sum(axis=1))
    event_time = SCALE * (-np.log(generator.random(subjects)) / hazard) ** (1 / SHAPE)
    censoring = np.minimum(generator.uniform(400, 4000, subjects), generator.exponential(8000, subjects))
    return features, np.minimum(event_time, censoring) + 1, event_time <= censoring


def folds(generator: np.random.Generator, repeats: int, subjects: int, count: int = 5) -> NDArray[np.int64]:
    """(repeats, n) balanced folds."""
    return np.stack([generator.permutation(np.arange(subjects) % count) for _ in range(repeats)])


def make_predictions(
    seed: int = 0, *, subjects: int = 90, repeats: int = 3, effect: float = 0.8, hash_: str = "table"
) -> Predictions:
    """Each modality sees its own feature, pooled all; every fold has a scale of risk of its own."""
    generator = np.random.default_rng(seed)
    features, time, event = draw(generator, subjects, effect)
    fold, grid = folds(generator, repeats, subjects), np.linspace(60, 2600, 30)
    seen = {"pooled": features.sum(axis=1), **dict(zip(MODALITIES, features.T, strict=True))}
    risk, survival = {}, {}
    for name, values in seen.items():
        log_hazard = effect * values + generator.normal(scale=0.2, size=(repeats, subjects))
        survival[name] = np.exp(-np.exp(log_hazard)[..., None] * (grid / SCALE) ** SHAPE)
        risk[name] = (
            log_hazard + generator.normal(scale=5, size=(repeats, 5))[np.arange(repeats)[:, None], fold]
        )
    return Predictions(
        subjects=[f"S{index:03}" for index in range(subjects)],
        time=time,
        event=event,
        grid=grid,
        fold=fold,
        risk=risk,
        survival=survival,
        table_hash=hash_,
        provenance={"seed": seed},
    )


def make_table(predictions: Predictions) -> FeatureTable:
    """The outcomes with a category, an age, and a modality that every tenth subject lacks."""
    generator = np.random.default_rng(1)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [
        {
            "subject_id": subject,
            "event_timestamp": start,
            "time": float(predictions.time[index]),
            "event": float(predictions.event[index]),
            "clinical__sex": "F" if index % 2 else "M",
            "clinical__age": float(generator.integers(40, 80)),
            "radiomics__size": None if index % 10 == 0 else float(generator.normal()),
        }
        for index, subject in enumerate(predictions.subjects)
    ]
    columns = [
        Column(name="time", role="time", kind="number", unit="d", description="days from surgery"),
        Column(name="event", role="event", kind="number", description="death of any cause"),
        Column(
            name="clinical__sex", role="baseline", kind="category", categories=("F", "M"), modality="clinical"
        ),
        Column(name="clinical__age", role="baseline", kind="number", unit="a", modality="clinical"),
        Column(name="radiomics__size", role="baseline", kind="number", modality="radiomics"),
    ]
    lost = Entry(
        item="S999", step="join_features", verdict="rejected", rule="has an outcome", evidence="<none>"
    )
    kept = [
        Entry(item=subject, step="join_features", verdict="ok", rule="joined")
        for subject in predictions.subjects
    ]
    return FeatureTable(columns=columns, rows=rows, entries=[*kept, lost])


def make_model(predictions: Predictions, entries: Sequence[Entry] = ()) -> SurvivalModel:
    """What training says of itself, without models."""
    size = {"feature": "radiomics__size", "modality": "radiomics", "value": 0.4, "low": 0.1, "high": 0.7}
    age = {"feature": "clinical__age", "modality": "clinical", "value": -0.2, "low": -0.2, "high": -0.2}
    return SurvivalModel(
        columns={},
        preparations={},
        models={},
        predictions=predictions,
        coefficients=[size, age],
        importance=[size, age],
        proportional_hazards=[{"feature": "clinical__age", "p": 0.03}],
        entries=entries,
        provenance={
            "origin": "the day of surgery",
            "estimator": "cox",
            "features_kept": {"pooled": 2},
            "concordance": {"pooled": {"apparent": 0.9, "cross_validated": 0.8, "optimism": 0.1}},
            "warnings": ["pooled keeps 2 features for 9 events"],
        },
    )
