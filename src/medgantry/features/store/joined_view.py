"""One view of a join: what Feast answered, checked, and which of its columns say anything."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from medgantry.features.column import SITE, Column
from medgantry.features.store.historical import Values, ask_feast
from medgantry.features.store.point_in_time import check_answer, known_at
from medgantry.features.store.published import Published
from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable, Row


@dataclass(frozen=True, kw_only=True)
class JoinedView:
    """What a view knew of the subjects at their times."""

    name: str
    published: Published
    known: Mapping[str, Row]
    """The row of each subject that is known at its time."""
    answer: Mapping[str, Values]
    """The same as Feast has it."""
    times: Mapping[str, datetime]
    """When each subject's outcome is predicted from."""

    @property
    def table(self) -> FeatureTable:
        """All that was published."""
        return self.published.table

    def value(self, subject: str, column: Column) -> Any:
        """What joins; None where nothing is known."""
        return self.answer[subject][column.name] if subject in self.known else None

    @cached_property
    def columns(self) -> list[Column]:
        """The columns that say something of somebody."""
        return [column for column in self.table.columns if column.name not in self.silent]

    @cached_property
    def silent(self) -> dict[str, str]:
        """The columns that are missing for all subjects, each with the reason."""
        return {
            column.name: self._silence(column)
            for column in self.table.columns
            if all(row.get(column.name) is None for row in self.known.values())
        }

    def _silence(self, column: Column) -> str:
        later = any(
            row.get(column.name) is not None
            for row in self.table.rows
            if row[SUBJECT] in self.times and row[TIMESTAMP] > self.times[row[SUBJECT]]
        )
        if not later:
            return "no subject has a value"
        since = f" (from milestone {column.milestone!r} on)" if column.milestone else ""
        return f"known only after the prediction time{since}"

    def why_missing(self, subject: str) -> str:
        """Why nothing of a subject joins from this view."""
        later = [row[TIMESTAMP] for row in self.table.rows if row[SUBJECT] == subject]
        if later:
            return f"{self.name} knows it only from {_minute(min(later))} on, after {_minute(self.times[subject])}"
        return f"{self.name}: {reason(self.table, subject)}"


def look_up(feature_store: Any, name: str, published: Published, times: Mapping[str, datetime]) -> JoinedView:
    """Ask Feast for a view and check its answer.

    Raises:
        InvalidInput: If a column's role forbids it as a feature, with its name and role.
        Mismatch: If Feast's answer is not what the published rows say.
    """
    table = published.table
    for column in table.columns:
        if column.role != SITE:
            replace(column, name=f"{name}__{column.name}").check_feature()
    names = [column.name for column in table.columns]
    answer, known = ask_feast(feature_store, name, names, times), known_at(table, times)
    check_answer(name, names, answer, known, times)
    return JoinedView(name=name, published=published, known=known, answer=answer, times=times)


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M}"


def reason(table: FeatureTable, subject: str) -> str:
    """What a table's ledger says of a subject that it has no row of."""
    said = [entry for entry in table.entries if entry.item == subject]
    worst = [entry for entry in said if entry.verdict in ("rejected", "excluded")] or said
    return "; ".join(f"{e.step}: {e.rule} ({e.evidence})" for e in worst) or "neither a row nor a verdict"
