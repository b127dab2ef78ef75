"""A CSV as people have it: any common encoding and delimiter, a header whose white space may be off."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from medgantry.errors import InvalidInput

_DELIMITERS = ",;\t|"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    number: int
    """Among the rows, from 2: the header is 1."""
    cells: Mapping[str, str]
    """Text by column, without white space around it; None of them where the row is torn."""
    torn: str = ""
    """Why the row cannot be told apart into columns."""


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """A CSV, its columns called as they were wanted."""

    rows: Sequence[Row]
    repairs: Mapping[str, str]
    """What was repaired -> how, of the table as a whole and of column names."""
    lacking: Sequence[str]
    """Wanted columns that it does not have."""
    unknown: Sequence[str]
    """Columns that nobody wanted."""
    sha256: str


def read_table(data: bytes, wanted: Collection[str]) -> TableFile:
    """Read a table and match its columns.

    Args:
        data: The file.
        wanted: Names of columns. A column that differs in white space alone is taken for it, which is noted.

    Raises:
        InvalidInput: If it has no header, or one with a name twice.
    """
    repairs = {}
    text, encoding = _decode(data)
    if encoding:
        repairs["table"] = f"read as {encoding}: it is no UTF-8"
    lines = _parse(text, wanted)
    if not lines:
        raise InvalidInput("The table is empty: a header and rows were wanted.", "Check the source.")
    header = _match(lines[0], wanted, repairs)
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise InvalidInput(
            f"Columns must have names of their own, found {twice} more than once.", "Rename one."
        )
    rows = [
        _row(number, cells, header)
        for number, cells in enumerate(lines[1:], start=2)
        if any(map(str.strip, cells))
    ]
    return TableFile(
        rows=rows,
        repairs=repairs,
        lacking=[name for name in wanted if name not in header],
        unknown=[name for name in header if name not in wanted],
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _decode(data: bytes) -> tuple[str, str]:
    """The text, and its encoding if that is not UTF-8."""
    if data.startswith(_UTF16_MARKS):
        return data.decode("utf-16", errors="replace"), "UTF-16"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        # What spreadsheets on Windows write; five bytes have no meaning in it, and show as U+FFFD.
        return data.decode("cp1252", errors="replace"), "Windows-1252"


def _parse(text: str, wanted: Collection[str]) -> list[list[str]]:
    """Lines of cells, by the delimiter that finds most of the wanted columns."""
    plain = {_plain(name) for name in wanted}

    def found(delimiter: str) -> int:
        first: list[str] = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return sum(_plain(name) in plain for name in first)

    try:
        best = max(_DELIMITERS, key=found)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=best))
    except csv.Error as error:
        raise InvalidInput(f"The table is no CSV: {error}.", "Save it anew as CSV.") from error


def _plain(name: str) -> str:
    return " ".join(name.split())


def _match(header: Sequence[str], wanted: Collection[str], repairs: dict[str, str]) -> list[str]:
    """The header's names, each replaced by the wanted one that differs from it in white space alone."""
    near = {_plain(name): name for name in wanted if name not in header}
    names = []
    for found in header:
        name = found if found in wanted else near.get(_plain(found), found)
        if name != found:
            repairs[f"column {name!r}"] = f"the table calls it {found!r}"
        names.append(name)
    return names


def _row(number: int, cells: Sequence[str], header: Sequence[str]) -> Row:
    if len(cells) != len(header):
        return Row(number=number, cells={}, torn=f"{len(cells)} cells below {len(header)} columns")
    return Row(number=number, cells={name: cell.strip() for name, cell in zip(header, cells, strict=True)})
