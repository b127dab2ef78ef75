"""From a CSV and its role file to two feature tables, with a verdict on every row and on every odd cell."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from medgantry.errors import Mismatch
from medgantry.features.clinical.cell import Cell, read_cells
from medgantry.features.clinical.course import Outcome, disagreements, milestone_dates, outcome_of
from medgantry.features.clinical.roles import Roles
from medgantry.features.clinical.table_file import Row, TableFile
from medgantry.features.subjects import Subjects
from medgantry.ledger import Unusable

_COMPLETE_ID = "Give each subject one row, with an id."


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was read of one subject."""

    subject: str
    """The name in the tables."""
    cells: Mapping[str, Cell]
    dates: Mapping[str, date]
    """Of the milestones that are known, as the CSV has them."""
    outcome: Outcome | Unusable
    disagreeing: Mapping[str, str]
    """Columns that repeat the time and say another one -> what they say."""
    raw_id: str
    """What the CSV calls the subject; for the shift of dates, and never to be shown."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A table that was read."""

    roles: Roles
    records: Sequence[Record]
    refused: Mapping[str, Unusable]
    """Rows without a subject of their own, by row or by subject."""
    repairs: Mapping[str, str]
    """Of the table and its column names."""
    sha256: str


def read_records(table: TableFile, roles: Roles, subjects: Subjects) -> Reading:
    """Read all rows.

    Raises:
        Mismatch: If the table's columns are not those of the role file.
    """
    _check_columns(table, roles)
    refused: dict[str, Unusable] = {}
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in table.rows:
        raw_id = row.cells.get(roles.id.column, "")
        if raw_id:
            rows[subjects.name(raw_id)].append(row)
            continue
        why = row.torn or f"no {roles.id.column}"
        refused[f"row {row.number}"] = Unusable("a row is of one subject", why, _COMPLETE_ID)
    for subject, several in rows.items():
        if len(several) > 1:
            numbers = ", ".join(str(row.number) for row in several)
            refused[subject] = Unusable("a subject has one row", f"rows {numbers} have its id", _COMPLETE_ID)
    return Reading(
        roles=roles,
        records=[_record(subject, found[0], roles) for subject, found in rows.items() if len(found) == 1],
        refused=refused,
        repairs=table.repairs,
        sha256=table.sha256,
    )


def _check_columns(table: TableFile, roles: Roles) -> None:
    needed = {column.column for column in roles.columns if not column.optional}
    lacking = [name for name in table.lacking if name in needed]
    if lacking or table.unknown:
        raise Mismatch(
            f"The table's columns must be those of the role file; it lacks {lacking}, and has besides "
            f"{list(table.unknown)}.",
            "Name each column in the role file with its role; mark `optional: true` what a table may lack.",
        )


def _record(subject: str, row: Row, roles: Roles) -> Record:
    cells = read_cells(roles, row.cells)
    dates = milestone_dates(roles, cells)
    outcome: Outcome | Unusable
    disagreeing: dict[str, str] = {}
    try:
        outcome = outcome_of(roles, cells, dates)
        found = disagreements(roles, cells, dates[roles.origin], outcome.time)
        disagreeing = {column.column: said for column, said in found}
    except Unusable as verdict:
        outcome = verdict
    return Record(
        subject=subject,
        cells=cells,
        dates=dates,
        outcome=outcome,
        disagreeing=disagreeing,
        raw_id=row.cells[roles.id.column],
    )
