"""Small feature tables with a known hazard."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from medgantry.features.column import Column
from medgantry.features.table import FeatureTable
from medgantry.survival.outcome import Outcome
from medgantry.survival.preparation.block import Block

SURGERY = datetime(2020, 1, 1, tzinfo=UTC)
STAGES = ("T1", "T2", "T3")


def draw_outcome(risk: np.ndarray, rng: np.random.Generator) -> Outcome:
    """Exponential times under log relative hazards, censored evenly."""
    death = 800 * rng.exponential(size=len(risk)) * np.exp(-risk)
    end = rng.uniform(300, 2000, len(risk))
    return Outcome(time=np.ceil(np.minimum(death, end)), event=death <= end)


def block(values: np.ndarray, modality: str = "clinical", present: np.ndarray | None = None) -> Block:
    """Numbers as a block."""
    names = [f"{modality}_{place}" for place in range(values.shape[1])]
    known = np.ones(len(values), dtype=bool) if present is None else present
    return Block(modality=modality, names=names, sources=names, values=values, present=known)


def columns(features: int = 6) -> list[Column]:
    """Of the table that `table` makes."""
    return [
        Column(name="days", role="time", kind="number", unit="d"),
        Column(name="died", role="event", kind="number"),
        Column(name="clinical__age", role="baseline", kind="number", unit="a", modality="clinical"),
        Column(
            name="clinical__stage",
            role="baseline",
            kind="category",
            modality="clinical",
            milestone="surgery",
            categories=STAGES,
        ),
        Column(name="clinical__chemotherapy", role="post-baseline", kind="number", modality="clinical"),
        *(
            Column(name=f"{modality}__{place}", role="baseline", kind="number", modality=modality)
            for modality in ("radiomics", "expression")
            for place in range(features)
        ),
    ]


def table(
    patients: int = 80, *, seed: int = 0, effect: float = 0.8, without: Sequence[str] = ("expression",)
) -> FeatureTable:
    """Age and the first feature of each modality act on the hazard; every tenth patient lacks some modalities."""
    rng = np.random.default_rng(seed)
    numbers = {column.name: rng.normal(size=patients) for column in columns() if column.role == "baseline"}
    acting = ("clinical__age", "radiomics__0", "expression__0")
    outcome = draw_outcome(effect * np.sum([numbers[name] for name in acting], axis=0), rng)
    rows: list[dict[str, Any]] = []
    for place in range(patients):
        row: dict[str, Any] = {name: float(values[place]) for name, values in numbers.items()}
        row |= {"clinical__stage": STAGES[place % 3] if place % 7 else None, "clinical__chemotherapy": 1.0}
        row |= {"days": float(outcome.time[place]), "died": float(outcome.event[place])}
        if place % 10 == 9:
            row |= {name: None for name in numbers if name.split("__")[0] in without}
        rows.append({"subject_id": f"P{place:03d}", "event_timestamp": SURGERY, **row})
    return FeatureTable(columns=columns(), rows=rows, entries=[])
