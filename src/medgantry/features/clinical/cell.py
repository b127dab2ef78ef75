"""From the text of a cell to a value, with the reason where there is none."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import isfinite
from typing import Literal

from medgantry.features.clinical.roles import ColumnRole, Given, Roles

State = Literal["value", "missing", "given", "repaired", "odd"]
Value = float | str | date | None
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_YEARS = range(1900, 2200)
"""Of dates that can be: 0097 is a slip, 9999 a code."""
_FLAGS = {"yes": "1", "true": "1", "1": "1", "no": "0", "false": "0", "0": "0"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell that was read."""

    text: str
    """As it stands in the CSV."""
    value: Value
    """A number is in the table's unit, a year as written; None where nothing is known."""
    state: State
    """`given` follows from another column; `repaired` by a declared reading; `odd` could not be read."""
    note: str = ""
    """What is odd, what was done, or where it is given from."""


class _Odd(Exception):
    """A cell that cannot be read, with the reason."""


def read_cells(roles: Roles, texts: Mapping[str, str]) -> dict[str, Cell]:
    """The cells of a row, by column; those the CSV lacks are left out."""
    codes = {_fold(code) for code in roles.missing} | {""}
    cells = {
        column.column: _read(column, texts[column.column], codes, roles.date_formats)
        for column in roles.columns
        if column.column in texts
    }
    plain = dict(cells)  # what is given follows from what was written, not from what is given
    for column in roles.columns:
        for given in column.given if column.column in cells else ():
            source = plain.get(given.column)
            if source is not None and _fold(given.equals) in (_fold(source.text), _fold(str(source.value))):
                cells[column.column] = _give(cells[column.column], given)
    return cells


def _read(column: ColumnRole, text: str, codes: set[str], formats: Sequence[str]) -> Cell:
    # A category may be called as a code for missing is elsewhere.
    known = _category(column, text) if column.kind == "category" else None
    if known is None and _fold(text) in codes | {_fold(code) for code in column.missing}:
        return Cell(text=text, value=None, state="missing")
    try:
        return Cell(text=text, value=_value(column, text, formats), state="value")
    except _Odd as odd:
        return _reread(column, text, str(odd))


def _reread(column: ColumnRole, text: str, why: str) -> Cell:
    for pattern, meaning in column.readings.items():
        match = re.fullmatch(pattern, text)
        if match:
            try:
                value = _number(column, match[1] or "")
            except _Odd as odd:
                return Cell(text=text, value=None, state="odd", note=str(odd))
            return Cell(text=text, value=value, state="repaired", note=meaning)
    return Cell(text=text, value=None, state="odd", note=why)


def _value(column: ColumnRole, text: str, formats: Sequence[str]) -> Value:
    if column.kind == "category":
        return _known(column, text)
    if column.kind == "flag":
        return _flag(column, text)
    if column.kind == "date":
        return _date(text, formats)
    return _number(column, text)


def _known(column: ColumnRole, text: str) -> str:
    found = _category(column, text)
    if found is not None:
        return found
    if column.categories:
        raise _Odd(f"none of the {len(column.categories)} categories")
    return " ".join(text.split())


def _category(column: ColumnRole, text: str) -> str | None:
    spellings = {_fold(name): name for name in column.categories}
    spellings |= {_fold(spelling): name for spelling, name in column.values.items()}
    return spellings.get(_fold(text))


def _flag(column: ColumnRole, text: str) -> float:
    spellings = {_fold(spelling): value for spelling, value in (column.values or _FLAGS).items()}
    if _fold(text) not in spellings:
        raise _Odd(f"none of the flag's {len(spellings)} spellings")
    return float(spellings[_fold(text)])


def _number(column: ColumnRole, text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _Odd(f"no {column.kind}")
    number = float(text)
    low, high = column.range or (float("-inf"), float("inf"))
    if not low <= number <= high or not isfinite(number * column.factor):
        raise _Odd(f"outside of {low:g} to {high:g}")
    return number * column.factor


def _date(text: str, formats: Sequence[str]) -> date:
    for wanted in formats:
        try:
            found = datetime.strptime(text, wanted).date()
        except ValueError:
            continue
        if found.year in _YEARS:
            return found
        raise _Odd(f"a date before {_YEARS[0]} or after {_YEARS[-1]}")
    raise _Odd(f"no date like {' or '.join(formats)}")


def _give(cell: Cell, given: Given) -> Cell:
    why = f"{given.column} is {given.equals}"
    if cell.state == "missing":
        return replace(cell, value=given.value, state="given", note=why)
    if cell.value == given.value:
        return cell
    return replace(cell, value=None, state="odd", note=f"contradicts that {why}")


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold()
