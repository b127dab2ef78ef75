"""Permutation importance: how much worse subjects are ordered when one feature is dealt out among them anew.

Measured on the test side of every outer fold, with that fold's model: it tells what a feature is worth for subjects
who were not seen. The interval is over folds, corrected for the subjects that their training sides share.

Sources: Breiman, Machine Learning 45 (2001); Nadeau and Bengio, Machine Learning 52 (2003), for the interval.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Flags, Floats
from medgantry.statistics.score import critical_value
from medgantry.statistics.survival.concordance import harrell_c
from medgantry.survival.additive import Additive, Prepared
from medgantry.survival.outcome import Outcome
from medgantry.survival.side import Blocks

SHUFFLES = 10
"""Of each feature in each fold; the average counts."""

Drops = Mapping[str, float]
"""Column of the table -> by how much Harrell's C falls."""


def permutation_drops(
    model: Additive,
    prepared: Mapping[str, Prepared],
    blocks: Blocks,
    outcome: Outcome,
    test: NDArray[np.intp],
    rng: np.random.Generator,
) -> Drops:
    """Importance of the features that a model uses, on the subjects of a test side (t,).

    Returns:
        Nothing where the test side has no comparable pair.
    """
    time, event = outcome.time[test], outcome.event[test]
    risk = model.risk(prepared, len(outcome.time))[test]
    before = harrell_c(time, event, risk)
    drops: dict[str, float] = {}
    if before is None:
        return drops
    for modality, term in model.terms.items():
        x, present = prepared[modality].x[test], prepared[modality].present[test]
        others = risk - term.risk(x, present)
        for source, columns in used_sources(model, prepared, blocks, modality).items():
            after = [
                harrell_c(time, event, others + term.risk(_shuffled(x, present, columns, rng), present))
                for _ in range(SHUFFLES)
            ]
            drops[source] = before - float(np.mean([value for value in after if value is not None]))
    return drops


def used_sources(
    model: Additive, prepared: Mapping[str, Prepared], blocks: Blocks, modality: str
) -> dict[str, list[int]]:
    """Columns of the table that a modality's term uses, each with the prepared columns made of it."""
    used = set(model.terms[modality].fitted.used())
    found: dict[str, list[int]] = {}
    for place, index in enumerate(prepared[modality].preparation.columns):
        found.setdefault(blocks[modality].sources[index], []).append(place)
    return {source: places for source, places in found.items() if used & set(places)}


def summarize(
    drops: Sequence[Drops], modality_of: Mapping[str, str], test_to_training: float
) -> list[dict[str, Any]]:
    """Mean over folds with its interval, largest first; a fold whose model does not use a feature counts as 0.

    Args:
        drops: Of each outer fold of each repeat.
        modality_of: Column of the table -> modality.
        test_to_training: Subjects of a test side for each of the training side.
    """
    folds, lines = len(drops), []
    for feature in sorted({name for each in drops for name in each}):
        values = np.array([each.get(feature, 0.0) for each in drops])
        error = float(values.std(ddof=1) * np.sqrt(1 / folds + test_to_training)) if folds > 1 else 0.0
        half = critical_value(max(1, folds - 1)) * error
        lines.append(
            {
                "feature": feature,
                "modality": modality_of[feature],
                "value": float(values.mean()),
                "low": float(values.mean() - half),
                "high": float(values.mean() + half),
                "used": float(np.mean([feature in each for each in drops])),
            }
        )
    return sorted(lines, key=lambda line: (-line["value"], line["feature"]))


def _shuffled(x: Floats, present: Flags, columns: Sequence[int], rng: np.random.Generator) -> Floats:
    """Rows of those columns dealt out among the subjects who have the modality."""
    found = x.copy()
    rows = np.flatnonzero(present)
    places = np.array(columns, dtype=np.intp)
    found[np.ix_(rows, places)] = x[np.ix_(rng.permutation(rows), places)]
    return found
