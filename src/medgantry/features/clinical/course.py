"""A subject's course: the dates of its milestones, the time to its event or its end of follow-up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from medgantry.features.clinical.cell import Cell, Value
from medgantry.features.clinical.roles import ColumnRole, Milestone, Roles
from medgantry.features.column import EVENT, TIME
from medgantry.features.table import ALWAYS
from medgantry.ledger import Unusable

HALF_A_DAY = 0.5
"""Time of who has the event, or is last seen, on the day of the origin: models of time want more than 0."""
_TIME_RULE = "time and event are known"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a subject."""

    time: float
    """Days from the origin."""
    event: bool
    """Whether the event was seen; else the subject was followed up without it so far."""
    repair: str = ""


def milestone_dates(roles: Roles, cells: Mapping[str, Cell]) -> dict[str, date]:
    """Date of each milestone; those that are not known are left out."""
    found = {name: _date_of(stone, cells) for name, stone in roles.milestones.items()}
    return {name: day for name, day in found.items() if day is not None}


def _date_of(stone: Milestone, cells: Mapping[str, Cell]) -> date | None:
    day = _value(cells, stone.date) if stone.date else ALWAYS.date()
    days = _value(cells, stone.days) if stone.days else 0.0
    if not isinstance(day, date) or not isinstance(days, float):
        return None
    try:
        return day + timedelta(days=round(days))
    except OverflowError:
        return None


def outcome_of(roles: Roles, cells: Mapping[str, Cell], dates: Mapping[str, date]) -> Outcome:
    """Time and event of a subject.

    Raises:
        Unusable: If they cannot be known.
    """
    if roles.origin not in dates:
        stone = roles.milestones[roles.origin]
        raise Unusable(
            "the origin of time is known",
            f"no date of {roles.origin}: {_said(cells, stone.date, stone.days)}",
            "Complete the dates.",
        )
    column = roles.of(EVENT)[0].column
    event = _value(cells, column)
    if event is None:
        raise Unusable(_TIME_RULE, f"no event status: {_said(cells, column)}", "Complete the status.")
    time = _time(roles, cells, dates[roles.origin], happened=event == 1)
    if time < 0:
        raise Unusable(
            _TIME_RULE, f"the time ends {-time:g} days before {roles.origin}", "Correct the dates."
        )
    repair = "" if time else f"the time ends on the day of {roles.origin} and counts as half a day"
    return Outcome(time=time or HALF_A_DAY, event=event == 1, repair=repair)


def _time(roles: Roles, cells: Mapping[str, Cell], origin: date, *, happened: bool) -> float:
    if not roles.ends:
        given = roles.of(TIME)[0].column
        time = _value(cells, given)
        if not isinstance(time, float):
            raise Unusable(_TIME_RULE, f"no time: {_said(cells, given)}", "Complete the time.")
        return time
    end, other = roles.ends["event" if happened else "censored"], roles.ends["event"]
    if not happened and other != end and other in cells and cells[other].state not in ("missing", "given"):
        raise Unusable(_TIME_RULE, f"no event, and yet there is a {other}", "Correct one of the two.")
    day = _value(cells, end)
    if not isinstance(day, date):
        raise Unusable(_TIME_RULE, f"no {end}: {_said(cells, end)}", "Complete the date.")
    return float((day - origin).days)


def disagreements(
    roles: Roles, cells: Mapping[str, Cell], origin: date, time: float
) -> list[tuple[ColumnRole, str]]:
    """Columns that repeat the time and say another one, with what they say.

    The dates that would explain it are named: a time to death may have been counted to the last visit.
    """
    found = []
    for column in roles.columns:
        value = _value(cells, column.column)
        if not column.must_equal_time or not isinstance(value, float) or abs(value - time) < 1:
            continue  # the same day
        explained = [
            f"{value:g} is the time to {name}"
            for name, cell in cells.items()
            if isinstance(cell.value, date) and (cell.value - origin).days == value
        ]
        said = f"{value:g} days are given, {time:g} computed from the dates, which were taken"
        found.append((column, "; ".join([said, *explained[:1]])))
    return found


def table_value(column: ColumnRole, cell: Cell, since: date | None) -> float | str | None:
    """A cell's value as the table has it.

    Args:
        column: Its column.
        cell: The cell.
        since: What dates and years are counted from; None where it is not known.
    """
    value = cell.value
    if isinstance(value, date):
        return float((value - since).days) if since else None
    if column.kind == "year" and isinstance(value, float) and cell.state != "given":
        return since.year - value if since else None
    return value


def _value(cells: Mapping[str, Cell], column: str) -> Value:
    return cells[column].value if column in cells else None


def _said(cells: Mapping[str, Cell], *columns: str) -> str:
    """Which of the columns have no value, and how."""
    told = [
        f"{name} is {cells[name].state if name in cells else 'not in the table'}"
        for name in columns
        if name and _value(cells, name) is None
    ]
    return ", ".join(told)
