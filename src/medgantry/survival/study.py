"""What is learnt from: subjects of a feature table with an outcome, and their features by modality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medgantry import ledger
from medgantry.errors import InvalidInput
from medgantry.features.column import EVENT, TIME, Column
from medgantry.features.table import SUBJECT, FeatureTable
from medgantry.survival.outcome import Outcome
from medgantry.survival.predictions import MODALITIES, POOLED
from medgantry.survival.preparation.block import Block, encode

STEP = "train_survival"

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """Subjects, sorted, with outcomes and features."""

    subjects: Sequence[str]
    outcome: Outcome
    columns: Mapping[str, Sequence[Column]]
    """By modality."""
    blocks: Mapping[str, Block]
    """By modality."""
    entries: Sequence[ledger.Entry]
    """The table's ledger, and a verdict about each subject."""

    @classmethod
    def of(cls, table: FeatureTable, columns: Mapping[str, Sequence[Column]]) -> "Study":
        """Take the subjects who can be learnt from; the ledger says why others cannot.

        Raises:
            InvalidInput: If a subject has several rows, or columns of time and event are not as they must be.
        """
        rows = rows_by_subject(table)
        time, event = table.only(TIME).name, table.only(EVENT).name
        names = [column.name for each in columns.values() for column in each]
        taken, entries = [], []
        for row in rows:
            reason = _why_not(row, time, event, names)
            entries.append(reason or _entry(row, "ok", "outcome and features are known", ""))
            if reason is None:
                taken.append(row)
        return cls(
            subjects=[str(row[SUBJECT]) for row in taken],
            outcome=Outcome(
                time=np.array([row[time] for row in taken], dtype=np.float64),
                event=np.array([row[event] == 1 for row in taken], dtype=bool),
            ),
            columns=columns,
            blocks={name: encode(name, each, taken) for name, each in columns.items()},
            entries=[*table.entries, *entries],
        )

    def candidates(self) -> dict[str, list[str]]:
        """Models to compare, by name: the sum of all modalities where there are several, and each of them."""
        single = {name: [name] for name in self.blocks}
        return {POOLED: list(self.blocks), **single} if len(single) > 1 else single


def choose_columns(table: FeatureTable, names: str, known_until: str) -> dict[str, list[Column]]:
    """Features by modality, in the order of the table.

    Args:
        table: The table.
        names: Columns, comma separated; empty for all features.
        known_until: The milestone that has passed at the time origin; empty for none.

    Raises:
        InvalidInput: If one is no feature, is known only later than that, or is of no modality: by its name.
    """
    asked = [name.strip() for name in names.split(",") if name.strip()]
    chosen = table.chosen(asked) if asked else table.features()
    if not chosen:
        raise InvalidInput(
            "The table has no features: no column has role 'baseline'.", "Join features first."
        )
    late = [
        f"{column.name!r} (after {column.milestone})" for column in chosen if not _known(column, known_until)
    ]
    if late:
        raise InvalidInput(
            f"Features must be known at the time origin, {_said(known_until)}; {len(late)} are known only later: "
            f"{', '.join(late[:10])}.",
            "Leave them out by naming the columns, or say with the setting known_until that the milestone has passed.",
        )
    strays = [column.name for column in chosen if not column.modality]
    if strays:
        raise InvalidInput(
            f"Features must be of a modality, {strays[:10]} are of none.", "Join them with join_features."
        )
    found: dict[str, list[Column]] = {}
    for column in chosen:
        found.setdefault(column.modality, []).append(column)
    usual = {name: place for place, name in enumerate(MODALITIES)}
    return {name: found[name] for name in sorted(found, key=lambda name: (usual.get(name, len(usual)), name))}


def rows_by_subject(table: FeatureTable) -> list[Row]:
    """The one row of each subject, sorted.

    Raises:
        InvalidInput: If a subject has several.
    """
    if len(table.rows) != len(table.subjects):
        raise InvalidInput(
            f"A table must have one row per subject, found {len(table.rows)} rows of {len(table.subjects)} subjects.",
            "Join it with join_features, which takes what was known at the time of prediction.",
        )
    return sorted(table.rows, key=lambda row: str(row[SUBJECT]))


def _why_not(row: Row, time: str, event: str, names: Sequence[str]) -> ledger.Entry | None:
    days, happened = row.get(time), row.get(event)
    if days is None or not days > 0:
        found = "it is missing" if days is None else f"it is {days:g} days"
        return _entry(row, "rejected", "the time from the origin is positive", found)
    if happened is None:
        return _entry(row, "rejected", "whether the event was seen is known", "it is missing")
    if happened not in (0, 1):
        raise InvalidInput(f"Column {event!r} must be 0 or 1, found {happened!r} for subject {row[SUBJECT]}.")
    if all(row.get(name) is None for name in names):
        return _entry(row, "rejected", "at least one feature is known", "all are missing")
    return None


def _entry(row: Row, verdict: ledger.Verdict, rule: str, evidence: str) -> ledger.Entry:
    remedy = "Correct the subject's row where the table is read." if verdict == "rejected" else ""
    return ledger.Entry(
        item=str(row[SUBJECT]), step=STEP, verdict=verdict, rule=rule, evidence=evidence, remedy=remedy
    )


def _known(column: Column, known_until: str) -> bool:
    return column.milestone in ("", known_until)


def _said(known_until: str) -> str:
    return f"when {known_until} has passed" if known_until else "before any milestone"
