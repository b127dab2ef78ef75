"""A survival model's answers: risk, and the chance of no event over time."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medgantry.errors import InvalidInput
from medgantry.features.column import NUMBER, Column
from medgantry.features.table import ALWAYS, SUBJECT, TIMESTAMP, FeatureTable
from medgantry.monitoring.case_statistics import table_statistics
from medgantry.serving.exchange import Answered, Asked, Described, Given
from medgantry.stages import stage
from medgantry.survival.model import SurvivalModel
from medgantry.survival.preparation.block import expanded

_MOST_SUBJECTS = 10_000


class SurvivalAnswers:
    """Answers of a survival model, for n subjects at once.

    One input per feature, named as the feature: numbers (NaN where nothing was measured) or texts (empty where nothing is
    known), n of them; a feature that is not sent is missing for all. Outputs, of the model's first candidate:

        risk      FP64 (n,), log hazard relative to a subject of whom each modality says 'as the average'
        days      FP64 (m,), from the origin
        survival  FP64 (n, m), chance of no event up to each day

    Args:
        model: The model.
    """

    outputs = (
        Described(name="risk", datatype="FP64", shape=[-1]),
        Described(name="days", datatype="FP64", shape=[-1]),
        Described(name="survival", datatype="FP64", shape=[-1, -1]),
    )

    def __init__(self, model: SurvivalModel) -> None:
        self._model = model
        self._columns = {column.name: column for column in model.features}
        self.inputs = [
            Described(name=column.name, datatype="FP64" if column.kind == NUMBER else "BYTES", shape=[-1])
            for column in self._columns.values()
        ]

    def answer(self, asked: Asked, wanted: Sequence[str], scratch: Path) -> Answered:
        """Predict for the subjects of a request."""
        unknown = sorted({given.name for given in asked.inputs} - set(self._columns))
        counts = {len(given.values) for given in asked.inputs}
        if unknown or len(counts) != 1 or not 1 <= min(counts) <= _MOST_SUBJECTS:
            raise InvalidInput(
                f"One value per subject was wanted of some of {sorted(self._columns)[:20]}; found lengths "
                f"{sorted(counts)}, and {unknown[:5]} are no features of the model.",
                f"Send up to {_MOST_SUBJECTS} subjects, and NaN or an empty text for what is missing.",
            )
        columns = {given.name: _values(given, self._columns[given.name]) for given in asked.inputs}
        rows = [
            {
                SUBJECT: f"{number:06d}",  # predictions come sorted by these
                TIMESTAMP: ALWAYS,
                **{name: columns[name][number] if name in columns else None for name in self._columns},
            }
            for number in range(counts.pop())
        ]
        table = FeatureTable(columns=list(self._columns.values()), rows=rows, entries=())
        with stage("network"):
            found = self._model.predict(table)
        answer = {"risk": found.risk, "days": found.grid, "survival": found.survival}
        outputs = {name: np.asarray(answer[name], dtype=np.float64) for name in wanted}

        def facts() -> dict[str, Any]:
            if len(rows) > 1:  # a record is of one subject
                return {}
            return {
                "statistics": table_statistics(self._columns.values(), rows[0]),
                "risk": float(found.risk[0]),
            }

        return Answered(outputs=outputs, observe=facts)

    @property
    def names(self) -> list[str]:
        """The features, and the categories that each declares."""
        return [name for column in self._columns.values() for name in expanded(column)]


def _values(given: Given, column: Column) -> list[Any]:
    """A feature's values, None where nothing is known."""
    if column.kind != NUMBER:
        texts = [value.decode() if isinstance(value, bytes) else str(value) for value in given.values]
        return [text or None for text in texts]
    try:
        numbers = [math.nan if value is None else float(value) for value in given.values]
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"The feature {column.name!r} is a number; found {type(error).__name__}."
        ) from error
    return [None if math.isnan(number) else number for number in numbers]
