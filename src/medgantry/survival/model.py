"""The `SurvivalModel` noun: models of time to an event, with what vouches for them.

model.json                  schema, columns, preparation and models of every candidate, grid, provenance, hashes
predictions/                out-of-fold predictions of every candidate
coefficients.json           log hazard ratios per standard deviation, of the first candidate
importance.json             permutation importance on subjects not seen, of the first candidate
proportional_hazards.json   whether effects change with time
ledger.parquet              every verdict about a subject

Nothing is pickled: whoever opens a model runs no code of whoever made it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from medgantry import ledger
from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.column import Column
from medgantry.features.table import SUBJECT, FeatureTable
from medgantry.fingerprint import canonical_json, hash_file, hash_value
from medgantry.statistics.arrays import Floats
from medgantry.survival.additive import Additive, Prepared
from medgantry.survival.predictions import Predictions
from medgantry.survival.preparation.block import encode
from medgantry.survival.preparation.preparation import Preparation
from medgantry.survival.study import rows_by_subject

SCHEMA_NAME = "medgantry/survival-model/1"
_LINES = ("coefficients", "importance", "proportional_hazards")

Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Prognosis:
    """What a model says of subjects."""

    subjects: Sequence[str]
    """Sorted, n of them."""
    risk: Floats
    """(n,) log hazard relative to a subject of whom each modality says 'as the average'."""
    grid: Floats
    """(m,) days from the origin."""
    survival: Floats
    """(n, m) chance of no event up to each day."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SurvivalModel:
    """Models fitted on all subjects, one per candidate."""

    columns: Mapping[str, Sequence[Column]]
    """The features, by modality."""
    preparations: Mapping[str, Preparation]
    """By modality."""
    models: Mapping[str, Additive]
    """By candidate, the one to use first."""
    predictions: Predictions
    """Out of fold."""
    coefficients: Lines
    """`feature`, `modality`, `value`, `low`, `high`; empty for trees."""
    importance: Lines
    """`feature`, `modality`, `value`, `low`, `high`, `used` (share of folds)."""
    proportional_hazards: Lines
    """`feature`, `modality`, `statistic`, `p`, `subjects`, `events`."""
    entries: Sequence[ledger.Entry]
    provenance: Mapping[str, Any]
    """Origin, settings, seed, code, and what was found out while learning."""

    @property
    def candidates(self) -> list[str]:
        """Names of the models, the one to use first."""
        return list(self.models)

    @property
    def features(self) -> list[Column]:
        """The columns that `predict` looks at, modality by modality."""
        return [column for each in self.columns.values() for column in each]

    def predict(self, table: FeatureTable, candidate: str = "") -> Prognosis:
        """Predict for the subjects of a table, who need no outcome.

        A modality of which a subject has nothing says nothing; a category that was not declared counts as missing.

        Args:
            table: One row per subject, with the model's features.
            candidate: Which model; empty for the first.

        Raises:
            Mismatch: If the table's features are not those of the model, by name, kind and unit.
            InvalidInput: If there is no such candidate, or a subject has several rows.
        """
        name = candidate or self.candidates[0]
        if name not in self.models:
            raise InvalidInput(f"The model has no candidate {name!r}; it has {', '.join(self.candidates)}.")
        model = self.models[name]
        self._check_fits(table)
        rows = rows_by_subject(table)
        prepared = {}
        for modality in model.terms:
            block, preparation = encode(modality, self.columns[modality], rows), self.preparations[modality]
            prepared[modality] = Prepared(
                preparation=preparation, x=preparation.apply(block), present=block.present
            )
        risk = model.risk(prepared, len(rows))
        grid = self.predictions.grid
        return Prognosis(
            subjects=[str(row[SUBJECT]) for row in rows],
            risk=risk,
            grid=grid,
            survival=model.baseline.survival(risk, grid),
        )

    def _check_fits(self, table: FeatureTable) -> None:
        wrong = []
        for column in self.features:
            found = table.by_name.get(column.name)
            if found is None:
                wrong.append(f"{column.name!r} is missing")
            elif (found.kind, found.unit) != (column.kind, column.unit):
                wrong.append(f"{column.name!r} must be {_said(column)}, found {_said(found)}")
        if wrong:
            raise Mismatch(
                f"The table must have the model's features; {len(wrong)} differ: {'; '.join(wrong[:10])}.",
                "Make the table by the steps that made the one that was learnt from; what was not measured stays empty.",
            )

    def save(self, folder: Path) -> None:
        """Write the model's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.predictions.save(folder / "predictions")
        for name in _LINES:
            (folder / f"{name}.json").write_text(canonical_json(self._lines(name)))
        ledger.write(self.entries, folder / "ledger.parquet")
        write_document(folder / "model.json", SCHEMA_NAME, self._document())

    @cached_property
    def model_hash(self) -> str:
        """Hash of `model.json`: what evaluations and the registry know the model by."""
        return hash_value({"schema": SCHEMA_NAME, **self._document()})

    def _document(self) -> dict[str, Any]:
        document = {
            "columns": {name: [asdict(column) for column in each] for name, each in self.columns.items()},
            "preparations": {name: each.document() for name, each in self.preparations.items()},
            "models": [[name, model.document()] for name, model in self.models.items()],
            "predictions": self.predictions.content_hash,
            "files": {name: hash_value(self._lines(name)) for name in _LINES},
            "provenance": dict(self.provenance),
        }
        return {**document, "content_hash": hash_value(document)}

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return [dict(line) for line in getattr(self, name)]

    @classmethod
    def open(cls, folder: Path) -> "SurvivalModel":
        """Read and check a model's folder.

        Raises:
            InvalidInput: If it is none, of another schema, or its content is not what its hashes say.
        """
        document = read_document(folder / "model.json", SCHEMA_NAME)
        predictions = Predictions.open(folder / "predictions")
        said = document.pop("content_hash", "")
        _check_content(folder, said == hash_value(document), "model.json")
        _check_content(folder, predictions.content_hash == document["predictions"], "predictions")
        for name in _LINES:
            file = folder / f"{name}.json"
            _check_content(folder, file.is_file() and hash_file(file) == document["files"][name], file.name)
        return cls(
            columns={
                name: [Column(**{**column, "categories": tuple(column["categories"])}) for column in each]
                for name, each in document["columns"].items()
            },
            preparations={name: Preparation.read(each) for name, each in document["preparations"].items()},
            models={name: Additive.read(model) for name, model in document["models"]},
            predictions=predictions,
            entries=ledger.read(folder / "ledger.parquet"),
            provenance=document["provenance"],
            **{name: json.loads((folder / f"{name}.json").read_text()) for name in _LINES},
        )


def _check_content(folder: Path, sound: bool, name: str) -> None:
    if not sound:
        raise InvalidInput(
            f"{name} of {folder} is not what was saved.",
            "The folder was edited by hand: make it again with train_survival.",
        )


def _said(column: Column) -> str:
    return f"{column.kind} in {column.unit}" if column.unit else column.kind
