"""The ledgers of a clinical table: one for what was known, one for what became of the subjects."""

from collections.abc import Sequence

from medgantry.features.clinical.cell import Cell
from medgantry.features.clinical.reading import Reading, Record
from medgantry.features.clinical.roles import ColumnRole
from medgantry.features.subjects import Subjects
from medgantry.ledger import Entry, Unusable

STEP = "ingest_clinical"
_READABLE = "a cell is a value or a code for missing"
_MEND = "Correct the cell, or declare its spelling in the role file."


def feature_entries(reading: Reading, subjects: Subjects) -> list[Entry]:
    """Verdicts on what was known of each subject."""
    columns = reading.roles.known
    entries = [*_refused(reading), *_repairs(reading)]
    for record in reading.records:
        if not record.dates:
            entries.append(_undated(reading).entry(record.subject, STEP))
            continue
        entries.append(_ok(record, "what was known of the subject was read", "", columns))
        entries += _lost(record, reading)
        entries += _cells(record, columns, subjects)
    return entries


def outcome_entries(reading: Reading, subjects: Subjects) -> list[Entry]:
    """Verdicts on the outcome of each subject."""
    columns = [column for column in reading.roles.columns if column not in reading.roles.known]
    entries = [*_refused(reading), *_repairs(reading)]
    for record in reading.records:
        entries += _outcome(record, columns)
        entries += _cells(record, columns, subjects)
    return entries


def _outcome(record: Record, columns: Sequence[ColumnRole]) -> list[Entry]:
    outcome = record.outcome
    if isinstance(outcome, Unusable):
        return [outcome.entry(record.subject, STEP)]
    what = "event" if outcome.event else "followed up without event"
    entries = [_ok(record, "time and event are known", f"{what} at {outcome.time:g} days", columns)]
    if outcome.repair:
        rule = "time is above 0"
        entries.append(_repaired(record.subject, rule, outcome.repair, "Check the dates."))
    for column, said in record.disagreeing.items():
        rule = f"{column} equals the computed time"
        entries.append(_repaired(record.subject, rule, said, "Ask who keeps the table which is right."))
    return entries


def _ok(record: Record, rule: str, told: str, columns: Sequence[ColumnRole]) -> Entry:
    """One entry that accounts for every cell without a value of its own."""
    found = [
        (column.column, record.cells[column.column]) for column in columns if column.column in record.cells
    ]
    missing = [f"{name} ({cell.text or 'empty'})" for name, cell in found if cell.state == "missing"]
    given = [f"{name} {_value(cell)}: {cell.note}" for name, cell in found if cell.state == "given"]
    evidence = [told] if told else []
    evidence += [f"missing: {', '.join(missing)}"] if missing else []
    evidence += [f"given: {', '.join(given)}"] if given else []
    return Entry(item=record.subject, step=STEP, verdict="ok", rule=rule, evidence="; ".join(evidence))


def _value(cell: Cell) -> str:
    if cell.value is None:
        return "does not apply"
    return f"= {cell.value:g}" if isinstance(cell.value, float) else f"= {cell.value}"


def _cells(record: Record, columns: Sequence[ColumnRole], subjects: Subjects) -> list[Entry]:
    entries = []
    for column in columns:
        cell = record.cells.get(column.column)
        if cell is None or cell.state not in ("odd", "repaired"):
            continue
        done = "it counts as missing" if cell.state == "odd" else f"read as {_value(cell).removeprefix('= ')}"
        evidence = f"{column.column} is {subjects.shown(cell.text)}: {cell.note}; {done}"
        entries.append(_repaired(record.subject, _READABLE, evidence, _MEND))
    return entries


def _lost(record: Record, reading: Reading) -> list[Entry]:
    """Milestones without a date: what is known from then on cannot be placed in time."""
    lost = [name for name in reading.roles.milestones if name not in record.dates]
    evidence = f"no date of {', '.join(lost)}: what is known from then on was left out"
    rule = "every milestone has a date"
    return [_repaired(record.subject, rule, evidence, "Complete the dates.")] if lost else []


def _undated(reading: Reading) -> Unusable:
    names = ", ".join(reading.roles.milestones)
    return Unusable("what is known is known from a date on", f"no date of {names}", "Complete the dates.")


def _refused(reading: Reading) -> list[Entry]:
    return [verdict.entry(item, STEP) for item, verdict in reading.refused.items()]


def _repairs(reading: Reading) -> list[Entry]:
    rule = "the table is as the role file says"
    return [_repaired(item, rule, done, "Save it so.") for item, done in reading.repairs.items()]


def _repaired(item: str, rule: str, evidence: str, remedy: str) -> Entry:
    return Entry(item=item, step=STEP, verdict="repaired", rule=rule, evidence=evidence, remedy=remedy)
