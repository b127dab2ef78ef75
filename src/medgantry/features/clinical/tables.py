"""The two feature tables of a clinical table: what was known, and what became of the subjects."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from medgantry.features.clinical.course import table_value
from medgantry.features.clinical.reading import Reading, Record
from medgantry.features.clinical.roles import ColumnRole, Roles
from medgantry.features.clinical.verdicts import feature_entries, outcome_entries
from medgantry.features.column import CATEGORY, EVENT, NUMBER, TIME, Column
from medgantry.features.subjects import Subjects
from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable, Row
from medgantry.ledger import Unusable

MODALITY = "clinical"


def feature_table(reading: Reading, subjects: Subjects, provenance: Mapping[str, Any]) -> FeatureTable:
    """Baseline columns and the site: a row at each milestone with all that was known by then."""
    columns = reading.roles.known
    rows = [row for record in reading.records for row in _snapshots(record, columns, reading.roles, subjects)]
    return FeatureTable(
        columns=[_column(column, reading) for column in columns],
        rows=rows,
        entries=feature_entries(reading, subjects),
        provenance=provenance,
    )


def outcome_table(reading: Reading, subjects: Subjects, provenance: Mapping[str, Any]) -> FeatureTable:
    """Time, event and what came after: a row for each subject at the origin."""
    roles = reading.roles
    columns = roles.later
    rows: list[Row] = []
    for record in reading.records:
        outcome = record.outcome
        if isinstance(outcome, Unusable):
            continue
        values = {column.name: _value(column, record, roles) for column in columns}
        values |= {TIME: outcome.time, EVENT: float(outcome.event)}
        rows.append(_row(record, record.dates[roles.origin], values, roles, subjects))
    return FeatureTable(
        columns=[*_answer(roles), *(_column(column, reading) for column in columns)],
        rows=rows,
        entries=outcome_entries(reading, subjects),
        provenance=provenance,
    )


def _answer(roles: Roles) -> list[Column]:
    source = " or ".join(roles.ends[end] for end in roles.ends) or roles.of(TIME)[0].column
    event = roles.of(EVENT)[0]
    return [
        Column(
            name=TIME,
            role=TIME,
            kind=NUMBER,
            unit="d",
            source=source,
            modality=MODALITY,
            description=f"From {roles.origin} to the event, or to the end of follow-up.",
        ),
        Column(
            name=EVENT,
            role=EVENT,
            kind=NUMBER,
            source=event.column,
            modality=MODALITY,
            description=f"1: the event was seen; 0: not until the end of follow-up. {event.description}".strip(),
        ),
    ]


def _snapshots(
    record: Record, columns: Sequence[ColumnRole], roles: Roles, subjects: Subjects
) -> list[dict[str, Any]]:
    """A row for each date on which something became known."""
    rows = []
    for day in sorted(set(record.dates.values())):
        known = {name for name, other in record.dates.items() if other <= day}
        values = {
            column.name: _value(column, record, roles)
            for column in columns
            if roles.milestone_of(column) in known
        }
        rows.append(_row(record, day, values, roles, subjects))
    return rows


def _row(
    record: Record, day: date, values: Mapping[str, Any], roles: Roles, subjects: Subjects
) -> dict[str, Any]:
    stamp = datetime.combine(day, time(), UTC)
    if roles.milestones[roles.origin].date:  # else it is no date of the subject's
        stamp += subjects.shift(record.raw_id)
    return {SUBJECT: record.subject, TIMESTAMP: stamp, **values}


def _value(column: ColumnRole, record: Record, roles: Roles) -> float | str | None:
    cell = record.cells.get(column.column)
    return table_value(column, cell, record.dates.get(roles.milestone_of(column))) if cell else None


def _column(column: ColumnRole, reading: Reading) -> Column:
    category = column.kind == "category"
    cells = [record.cells[column.column] for record in reading.records if column.column in record.cells]
    found = {str(cell.value) for cell in cells if cell.value is not None}
    return Column(
        name=column.name,
        role=column.role,
        kind=CATEGORY if category else NUMBER,
        unit={"date": "d", "year": "a"}.get(column.kind, column.unit),
        source=column.column,
        modality=MODALITY,
        milestone=column.milestone if column.milestone != reading.roles.first else "",
        categories=(column.categories or tuple(sorted(found))) if category else (),
        description=_description(column, reading.roles),
    )


def _description(column: ColumnRole, roles: Roles) -> str:
    told = [column.description] if column.description else []
    if column.written_in:
        told.append(f"Converted from {column.written_in} by the factor {column.factor:g}.")
    if column.kind == "flag" and column.values:
        told.append(
            "1: " + ", ".join(sorted(name for name, value in column.values.items() if value == "1")) + "."
        )
    if column.kind in ("date", "year"):
        way = "Days from" if column.kind == "date" else "Years to"
        told.append(f"{way} {roles.milestone_of(column)}.")
    return " ".join(told)
