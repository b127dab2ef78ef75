"""How MLflow loads a registered model of survival: `mlflow.pyfunc.load_model("models:/<name>@champion")`, no pickle."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas

from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable
from medgantry.registry.register_survival import survival_names
from medgantry.survival.model import SurvivalModel


class Prognoses:
    """A model of survival behind MLflow's `predict`."""

    def __init__(self, folder: Path) -> None:
        self._model = SurvivalModel.open(folder)

    def predict(self, table: Any, params: Any = None) -> Any:
        """Predict for subjects.

        Args:
            table: A data frame: `subject_id` and a column per feature; what was not measured is absent, None or NaN.
            params: Unused; MLflow passes it.

        Returns:
            A data frame, sorted by subject: `subject_id`, `risk` (log hazard), `survival_<day>` (chance of no event).
        """
        now = datetime.now(UTC)
        rows = [
            {
                SUBJECT: str(row[SUBJECT]),
                TIMESTAMP: now,
                **{column.name: _value(row.get(column.name)) for column in self._model.features},
            }
            for row in table.to_dict("records")
        ]
        found = self._model.predict(FeatureTable(columns=self._model.features, rows=rows, entries=[]))
        answers = {SUBJECT: list(found.subjects), "risk": found.risk}
        for index, name in enumerate(survival_names(self._model)):
            answers[name] = found.survival[:, index]
        return pandas.DataFrame(answers)


def _value(value: Any) -> Any:
    """None for what a data frame has instead of a missing value."""
    missing = value is None or value is pandas.NA or (isinstance(value, float) and math.isnan(value))
    return None if missing else value


def _load_pyfunc(data_path: str) -> Prognoses:
    return Prognoses(Path(data_path))
