"""The `Measurements` noun: what was measured in predictions, and what each prediction was made of.

measurements.parquet   a row per case (classification, registration), or per case and region (segmentation)
sources.parquet        a row per case: what the network saw, the DICOM instances that was made of, the model
measurements.json      schema, task, cohort, bundle, weights
ledger.parquet         a verdict for every case that was to be predicted
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry import ledger
from medgantry.bundles.bundle import Task
from medgantry.documents import read_document, write_document

SCHEMA_NAME = "medgantry/measurements/1"
SOURCES = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("inputs", pa.list_(pa.string()), nullable=False),
        pa.field("sop_instance_uids", pa.list_(pa.string()), nullable=False),
        pa.field("predictions", pa.map_(pa.string(), pa.string()), nullable=False),
        pa.field("bundle_hash", pa.string(), nullable=False),
        pa.field("weights_hash", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where one case's prediction is from."""

    case_id: str
    inputs: Sequence[str]
    """SHA-256 of the files that the network saw."""
    sop_instance_uids: Sequence[str]
    """DICOM instances they were made of, in the order of the slices; pseudonymous where those are, empty for other sources."""
    predictions: Mapping[str, str]
    """Role -> SHA-256 of the files that the network gave."""
    bundle_hash: str
    weights_hash: str


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Measurements of predictions with their sources."""

    task: Task
    cohort_hash: str
    """Of the cohort that was predicted."""
    rows: Sequence[Mapping[str, Any]]
    """`case_id`, `group_id`, and the columns of the task."""
    sources: Sequence[Source]
    entries: Sequence[ledger.Entry]
    """The ledger."""

    def save(self, folder: Path) -> None:
        """Write the table's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.Table.from_pylist([dict(row) for row in self.rows]), folder / "measurements.parquet"
        )
        sources = [
            {**vars(source), "predictions": sorted(source.predictions.items())} for source in self.sources
        ]
        pq.write_table(pa.Table.from_pylist(sources, schema=SOURCES), folder / "sources.parquet")
        ledger.write(self.entries, folder / "ledger.parquet")
        document = {"task": self.task, "cohort_hash": self.cohort_hash}
        write_document(folder / "measurements.json", SCHEMA_NAME, document)

    @classmethod
    def open(cls, folder: Path) -> "Measurements":
        """Read what `save` wrote.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document = read_document(folder / "measurements.json", SCHEMA_NAME)
        sources = pq.read_table(folder / "sources.parquet", schema=SOURCES).to_pylist()
        return cls(
            **document,
            rows=pq.read_table(folder / "measurements.parquet").to_pylist(),
            sources=[Source(**{**row, "predictions": dict(row["predictions"])}) for row in sources],
            entries=ledger.read(folder / "ledger.parquet"),
        )
