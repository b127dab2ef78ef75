"""What a table changes in a view that is there already.

A table says all that is known of the subjects it names, in its rows or its ledger: their earlier rows go, so that
nothing stale joins later. Other subjects, of another site perhaps, stay as they are.
"""

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from typing import Any

from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.column import Column
from medgantry.features.store.published import CREATED, Key, Published, key
from medgantry.features.table import SUBJECT, FeatureTable, Row

SETTINGS = "settings"
"""Where a table's provenance says how its values were computed."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Rows of a view that a table changed."""

    added: int
    changed: int
    """Other values of the same subject and time; the new ones have the newer `created_timestamp`."""
    withdrawn: int
    """Rows of the table's subjects that it no longer has."""


def merge(known: FeatureTable | None, table: FeatureTable, now: datetime) -> Published:
    """The view after the table was published; rows that say nothing new keep their `created_timestamp`."""
    if CREATED in table.by_name:
        raise InvalidInput(f"A table cannot have a column {CREATED!r}: the store has one.", "Rename it.")
    before = _by_key(known)
    named = {*table.subjects, *(entry.item for entry in table.entries)}
    rows = [row for row in before.values() if row[SUBJECT] not in named]
    entries = [entry for entry in (known.entries if known else []) if entry.item not in named]
    for row in table.rows:
        old = before.get(key(row))
        same = old is not None and all(row.get(c.name) == old.get(c.name) for c in table.columns)
        rows.append({**row, CREATED: old[CREATED] if old is not None and same else now})
    tables = {**(known.provenance["tables"] if known else {}), table.content_hash: dict(table.provenance)}
    merged = FeatureTable(
        columns=table.columns,
        rows=sorted(rows, key=key),
        entries=sorted([*entries, *table.entries], key=astuple),
        provenance={"tables": tables},
    )
    return Published(merged)


def change(known: FeatureTable | None, merged: FeatureTable) -> Change:
    """How many rows differ."""
    before, after = _by_key(known), _by_key(merged)
    both = before.keys() & after.keys()
    return Change(
        added=len(after.keys() - both),
        changed=sum(before[which][CREATED] != after[which][CREATED] for which in both),
        withdrawn=len(before.keys() - both),
    )


def check_schema(view: str, known: FeatureTable, table: FeatureTable) -> None:
    """Refuse a table whose columns mean something else than the view's.

    Raises:
        Mismatch: Naming the columns, or the settings, and what differs.
    """
    before, after = (_meanings(of.columns) for of in (known, table))
    odd = [f"{name} is missing" for name in sorted(before.keys() - after.keys())]
    odd += [f"{name} is new" for name in sorted(after.keys() - before.keys())]
    for name in sorted(before.keys() & after.keys()):
        odd += _differences(name, before[name], after[name])
    for provenance in known.provenance["tables"].values():
        odd += _differences(SETTINGS, provenance.get(SETTINGS, {}), table.provenance.get(SETTINGS, {}))
    if odd:
        raise Mismatch(
            f"The view {view!r} has other columns than the table: {'; '.join(dict.fromkeys(odd))}.",
            "Publish the table under another view name or in another project, or make it as the view's were made.",
        )


def _by_key(table: FeatureTable | None) -> dict[Key, Row]:
    return {key(row): row for row in table.rows} if table else {}


def _meanings(columns: Any) -> dict[str, dict[str, Any]]:
    def meaning(column: Column) -> dict[str, Any]:
        found = {**asdict(column), "categories": list(column.categories)}
        del found["description"]  # another wording is the same column
        return found

    return {column.name: meaning(column) for column in columns}


def _differences(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} has {field} {after.get(field)!r}, not {before.get(field)!r}"
        for field in sorted({*before, *after})
        if before.get(field) != after.get(field)
    ]
