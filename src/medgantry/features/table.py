"""The `FeatureTable` noun: what is known of subjects, and from when on.

features.parquet   subject_id, event_timestamp, then a column for each value (float64 or text, null for missing)
columns.json       schema, meaning of each column, content hash, provenance
ledger.parquet     every verdict about a subject

A row is what was known of a subject at its time, all that was known before included: who asks for a time takes the
last row before it and sees nothing of later ones.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry import ledger
from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidInput
from medgantry.features.column import BASELINE, CATEGORY, NUMBER, Column
from medgantry.fingerprint import hash_value

SCHEMA_NAME = "medgantry/feature-table/1"
SUBJECT, TIMESTAMP = "subject_id", "event_timestamp"
ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)
"""The time of what is known of a subject without a date, such as a germline."""
_KEYS = (
    pa.field(SUBJECT, pa.string(), nullable=False),
    pa.field(TIMESTAMP, pa.timestamp("us", tz="UTC"), nullable=False),
)

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class FeatureTable:
    """Rows of values with the meaning of each column.

    Raises:
        InvalidInput: When constructed with rows that the columns do not describe.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    """`subject_id`, `event_timestamp` (aware), and a value per column: a finite number, a text, or None."""
    entries: Sequence[ledger.Entry]
    """The ledger: what happened to each subject."""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names) or {SUBJECT, TIMESTAMP} & set(names):
            raise InvalidInput(f"Columns must have names of their own, found {sorted(names)}.")
        keys = [(row[SUBJECT], row[TIMESTAMP]) for row in self.rows]
        if len(set(keys)) != len(keys):
            twice = sorted({str(key[0]) for key in keys if keys.count(key) > 1})
            raise InvalidInput(f"A subject has one row per time; {twice[:5]} have several.")
        for column in self.columns:
            self._check(column)

    def _check(self, column: Column) -> None:
        for row in self.rows:
            value = row.get(column.name)
            if value is None:
                continue
            sound = (
                isinstance(value, int | float) and math.isfinite(value)
                if column.kind == NUMBER
                else value in column.categories
            )
            if not sound:
                wanted = "a finite number" if column.kind == NUMBER else f"one of {list(column.categories)}"
                raise InvalidInput(
                    f"Column {column.name!r} of subject {row[SUBJECT]} must be {wanted} or missing, found {value!r}."
                )

    @property
    def subjects(self) -> list[str]:
        """The subjects, sorted."""
        return sorted({str(row[SUBJECT]) for row in self.rows})

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """Column by its name."""
        return {column.name: column for column in self.columns}

    def features(self) -> list[Column]:
        """The columns that a model may see."""
        return [column for column in self.columns if column.role == BASELINE]

    def chosen(self, names: Collection[str]) -> list[Column]:
        """Columns by name, as features of a model.

        Raises:
            InvalidInput: If one is not there, or its role forbids it, with its name and role.
        """
        missing = sorted(set(names) - set(self.by_name))
        if missing:
            raise InvalidInput(f"The table has no columns {missing}; it has {sorted(self.by_name)[:20]}.")
        found = [self.by_name[name] for name in names]
        for column in found:
            column.check_feature()
        return found

    def only(self, role: str) -> Column:
        """The one column of a role.

        Raises:
            InvalidInput: If there is none, or several.
        """
        found = [column for column in self.columns if column.role == role]
        if len(found) != 1:
            raise InvalidInput(
                f"The table must have one column of role {role!r}, found {[column.name for column in found]}."
            )
        return found[0]

    @cached_property
    def content_hash(self) -> str:
        """Hash of rows and columns: ledger and provenance do not count."""
        rows = [
            [
                row[SUBJECT],
                row[TIMESTAMP].astimezone(UTC).isoformat(),
                *(_plain(row.get(c.name)) for c in self.columns),
            ]
            for row in self._sorted()
        ]
        return hash_value([[asdict(column) for column in self.columns], rows])

    def _sorted(self) -> list[Row]:
        return sorted(self.rows, key=lambda row: (row[SUBJECT], row[TIMESTAMP]))

    def data(self) -> pa.Table:
        """Rows as Arrow has them, by subject and time."""
        types = {NUMBER: pa.float64(), CATEGORY: pa.string()}
        schema = pa.schema([*_KEYS, *(pa.field(column.name, types[column.kind]) for column in self.columns)])
        return pa.Table.from_pylist([dict(row) for row in self._sorted()], schema=schema)

    def save(self, folder: Path) -> None:
        """Write the table's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.data(), folder / "features.parquet")
        ledger.write(self.entries, folder / "ledger.parquet")
        document = {
            "columns": [asdict(column) for column in self.columns],
            "content_hash": self.content_hash,
            "provenance": dict(self.provenance),
        }
        write_document(folder / "columns.json", SCHEMA_NAME, document)

    @classmethod
    def open(cls, folder: Path) -> "FeatureTable":
        """Read and check a table's folder.

        Raises:
            InvalidInput: If it is none, of another schema, or its content is not what its hash says.
        """
        document = read_document(folder / "columns.json", SCHEMA_NAME)
        table = cls(
            columns=[Column(**{**c, "categories": tuple(c["categories"])}) for c in document["columns"]],
            rows=pq.read_table(folder / "features.parquet").to_pylist(),
            entries=ledger.read(folder / "ledger.parquet"),
            provenance=document["provenance"],
        )
        if table.content_hash != document["content_hash"]:
            raise InvalidInput(
                f"{folder} says its content is {document['content_hash'][:12]}, found {table.content_hash[:12]}.",
                "The folder was edited by hand: make it again with the step that wrote it.",
            )
        return table


def _plain(value: Any) -> Any:
    """A whole number and the same as a float are one value."""
    return float(value) if isinstance(value, int) else value
