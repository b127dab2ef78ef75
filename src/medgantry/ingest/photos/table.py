"""The table that lists photos: CSV or tab-separated, as Dataverse, Kaggle and the ISIC archive give it."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from medgantry.errors import InvalidInput
from medgantry.ingest.photos.config import PhotoColumns
from medgantry.storage.files import Source

_SUFFIXES = {".csv", ".tab", ".tsv"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table, as it stands there, without white space around values."""

    number: int
    """The line, from 2: the header is 1."""
    image: str
    group: str
    target: str
    file: str
    extra: Mapping[str, str]
    """Further columns that are not empty."""


def find_table(source: Source, name: str, columns: PhotoColumns) -> str:
    """The table's name in the source.

    Args:
        source: Where to look.
        name: What the user calls it; empty looks for the only table with the columns.
        columns: What the table must have.

    Raises:
        InvalidInput: If there is no such table, or several.
    """
    names = source.names()
    if not name and source.uri.endswith(".csv"):
        name = source.uri.rsplit("/", 1)[-1]
    if name:
        if name not in names:
            raise InvalidInput(
                f"{source.uri} has no table {name!r}, but {list(filter(_is_table, names))[:8]}.",
                "Give the name relative to the source.",
            )
        return name
    tables = [other for other in names if _is_table(other)]
    fitting = [other for other in tables if set(columns.needed()) <= set(_header(source.open_local(other)))]
    if len(fitting) != 1:
        raise InvalidInput(
            f"{source.uri} must hold one table with the columns {columns.needed()}; "
            f"of {tables[:8]} these have them: {fitting}.",
            "Name the table with `metadata`, or its columns with `columns`.",
        )
    return fitting[0]


def read_rows(path: Path, columns: PhotoColumns) -> list[Row]:
    """All lines of the table.

    Raises:
        InvalidInput: If it is no text, lacks a column or has none.
    """
    header = _header(path)
    missing = [name for name in columns.needed() if name not in header]
    if missing:
        raise InvalidInput(
            f"{path.name} lacks the columns {missing}, it has {header}.", "Name its columns with `columns`."
        )
    kept = columns.kept(header)
    rows: list[Row] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            for line in csv.DictReader(stream, delimiter=_delimiter(path)):
                values = {name: (line[name] or "").strip() for name in header}
                rows.append(
                    Row(
                        number=len(rows) + 2,
                        image=values[columns.image],
                        group=values.get(columns.group, values[columns.image]),
                        target=values.get(columns.target, ""),
                        file=values.get(columns.file, ""),
                        extra={name: values[name] for name in kept if values[name]},
                    )
                )
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path.name} must be a table in UTF-8, line {len(rows) + 2}: {error}.", "Export it again."
        ) from error
    return rows


def _is_table(name: str) -> bool:
    path = PurePosixPath(name)
    # Dataverse's original has no suffix at all.
    return path.suffix.lower() in _SUFFIXES or (not path.suffix and "metadata" in path.name.lower())


def _delimiter(path: Path) -> str:
    """Tab where the first line has one: no column's name does."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return "\t" if "\t" in stream.readline() else ","


def _header(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.DictReader(stream, delimiter=_delimiter(path)).fieldnames or [])
    except (csv.Error, UnicodeDecodeError):  # some other table, or read again with an error that says so
        return []
