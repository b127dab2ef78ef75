"""The `Evaluation` noun: metrics with intervals, per-case rows, predictions by name, the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.cohort.cohort import hash_group
from medgantry.documents import read_document, write_document
from medgantry.errors import Mismatch

SCHEMA_NAME = "medgantry/evaluation/1"
_DOCUMENT = ("key", "cohort_hash", "split_hash", "weights_hash", "split", "metrics")
ROWS = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field("dice", pa.float64(), nullable=False),
        pa.field("untrained_dice", pa.float64(), nullable=False),
        pa.field("reference_ml", pa.float64(), nullable=False),
        pa.field("predicted_ml", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured of one bundle on one side of one cohort."""

    key: str
    """Its folder in the store: `evaluations/<key>`."""
    cohort_hash: str
    split_hash: str
    weights_hash: str
    split: str
    metrics: Mapping[str, Any]
    """`dice`: region and `mean` -> estimate, low, high, n; `untrained`, `threshold`, `empty_policy`, ..."""
    rows: Sequence[Mapping[str, Any]]

    @property
    def mean_dice(self) -> float:
        """Dice over cases per region, then over regions."""
        return float(self.metrics["dice"]["mean"]["estimate"])

    def save(self, folder: Path) -> None:
        """Write metrics and rows; predictions and report lie beside them."""
        document = {name: getattr(self, name) for name in _DOCUMENT}
        write_document(folder / "metrics.json", SCHEMA_NAME, document)
        pq.write_table(pa.Table.from_pylist(list(self.rows), schema=ROWS), folder / "cases.parquet")

    @classmethod
    def open(cls, folder: Path) -> "Evaluation":
        """Read an evaluation.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document = read_document(folder / "metrics.json", SCHEMA_NAME)
        return cls(**document, rows=pq.read_table(folder / "cases.parquet", schema=ROWS).to_pylist())


def check_independent(cohort: Cohort, bundle: Bundle) -> None:
    """Refuse to judge a model on data it may have seen.

    Raises:
        Mismatch: If the cohort or its split is not the one the model was trained with, and it is not external;
            or if it is external and shares a group with the training.
    """
    provenance = bundle.provenance
    if cohort.external:
        known = set(provenance.get("groups", ()))
        shared = sorted({c.group_id for c in cohort.cases if hash_group(c.group_id) in known})
        if shared:
            raise Mismatch(
                f"The cohort is declared external, but the model was trained on {len(shared)} of its groups, "
                f"such as {shared[:5]}.",
                "Leave these groups out; if they are other patients, give them other group ids at ingest.",
            )
        return
    if not provenance:
        raise Mismatch(
            "This bundle does not say what it was trained on, so no case of this cohort is known to be new to it.",
            "Evaluate it on a cohort declared external.",
        )
    if provenance["split_hash"] != cohort.split_hash:
        raise Mismatch(
            f"The model was trained with split {provenance['split_hash'][:12]}, the cohort's is "
            f"{cohort.split_hash[:12] or 'none'}.",
            "Use the split it was trained with, or declare the cohort external.",
        )
