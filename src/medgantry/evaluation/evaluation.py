"""The `Evaluation` noun: metrics with intervals, per-case rows, the champion's beside them, the report."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry.documents import read_document, write_document

SCHEMA_NAME = "medgantry/evaluation/2"
_DOCUMENT = ("key", "task", "cohort_hash", "split_hash", "weights_hash", "split", "primary", "metrics")
_ROWS, _CHAMPION_ROWS = "cases.parquet", "champion_cases.parquet"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured of one bundle on one side of one cohort."""

    key: str
    """Its folder in the store: `evaluations/<key>`."""
    task: str
    cohort_hash: str
    split_hash: str
    weights_hash: str
    split: str
    primary: Sequence[str]
    """The metric that decides, higher being better, and of what: `dice`, `mean`."""
    metrics: Mapping[str, Any]
    """`<metric>`: what it is of (region, class, `mean`) -> estimate, low, high, n, groups, method; and more."""
    rows: Sequence[Mapping[str, Any]]
    """Per case, as the task has them; at least `case_id` and `group_id`."""
    champion_rows: Sequence[Mapping[str, Any]] = ()
    """The champion's, of the cases that are new to it too."""

    @property
    def case_ids(self) -> list[str]:
        """The cases, sorted."""
        return sorted({str(row["case_id"]) for row in self.rows})

    def scores(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Every metric that has an interval: metric, what it is of, interval."""
        for metric, values in self.metrics.items():
            if not isinstance(values, Mapping):
                continue
            for name, value in values.items():
                if isinstance(value, Mapping) and {"estimate", "low", "high"} <= set(value):
                    yield metric, name, value

    def estimates(self) -> dict[str, float]:
        """Estimates by `<metric>_<of>` that KFP and MLflow take: neither takes NaN."""
        found = {f"{metric}_{name}": float(value["estimate"]) for metric, name, value in self.scores()}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def save(self, folder: Path) -> None:
        """Write metrics and rows; predictions and report lie beside them."""
        document = {name: getattr(self, name) for name in _DOCUMENT}
        write_document(folder / "metrics.json", SCHEMA_NAME, document)
        pq.write_table(pa.Table.from_pylist(list(self.rows)), folder / _ROWS)
        if self.champion_rows:
            pq.write_table(pa.Table.from_pylist(list(self.champion_rows)), folder / _CHAMPION_ROWS)

    @classmethod
    def open(cls, folder: Path) -> "Evaluation":
        """Read an evaluation.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document = read_document(folder / "metrics.json", SCHEMA_NAME)
        champion = folder / _CHAMPION_ROWS
        return cls(
            **document,
            rows=pq.read_table(folder / _ROWS).to_pylist(),
            champion_rows=pq.read_table(champion).to_pylist() if champion.is_file() else [],
        )
