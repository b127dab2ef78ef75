"""Reading a table of genes by patients as GEO gives it: a gene per row, a patient per column."""

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from medgantry.errors import InvalidInput
from medgantry.features.expression.gene_table import Cells, GeneTable, Values, judge_gene, rejected
from medgantry.features.subjects import Subjects
from medgantry.ledger import Entry

_GZIP = b"\x1f\x8b"
_MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "."}


def read_gene_table(data: bytes, subjects: Subjects, *, missing: float) -> GeneTable:
    """Read a table, tab-separated or CSV, gzip or not.

    The first row names the patients, the first column the genes; the header's first cell may be empty or lacking.

    Args:
        data: The file.
        subjects: What patients are called from here on.
        missing: The value of a cell that is declared missing: NaN, or 0.

    Raises:
        InvalidInput: If the file is damaged, or no table.
    """
    lines = _lines(data)
    header, first = next(lines, []), next(lines, [])
    if not header or not first:
        raise InvalidInput("A header and a row per gene were wanted, found fewer lines.", "Check the source.")
    patients = header if len(header) == len(first) - 1 else header[1:]
    columns, lost = _columns(patients, subjects)
    if not columns:
        raise InvalidInput(f"The header names no patient in its {len(header)} cells.", "Check the source.")
    cells = {subject: Cells() for subject in columns}
    genes: list[str] = []
    rows: list[Values] = []
    entries: list[Entry] = []
    for number, line in enumerate(chain([first], lines), start=2):
        symbol = line[0].strip() if line else ""
        verdict = judge_gene(symbol, number)
        if verdict is None and len(line) != len(patients) + 1:
            found = f"{len(line) - 1} values for {len(patients)} patients"
            verdict = rejected(
                f"gene {symbol}", "a row has a value per patient", found, "Export the table again."
            )
        if verdict is not None:
            entries.append(verdict)
            continue
        genes.append(symbol)
        texts = {subject: line[1 + index] for subject, index in columns.items()}
        rows.append(_values(symbol, texts, cells, missing, subjects))
    values = np.stack(rows) if rows else np.empty((0, len(columns)))
    return GeneTable(
        genes=genes,
        subjects=list(columns),
        values=values,
        verdicts={subject: found.entry(subject, len(genes)) for subject, found in cells.items()},
        lost=lost,
        entries=entries,
    )


def _lines(data: bytes) -> Iterator[list[str]]:
    try:
        # To the end of the stream, whose checksum is compared.
        plain = gzip.decompress(data) if data.startswith(_GZIP) else data
        text = plain.decode("utf-8-sig")
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The table is damaged, or no text in UTF-8: {error}.", "Fetch it again."
        ) from error
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise InvalidInput(
            f"The table cannot be told apart into cells: {error}.", "Export it again."
        ) from error


def _columns(patients: Sequence[str], subjects: Subjects) -> tuple[dict[str, int], list[Entry]]:
    """Subject -> column of its values, from 0, and verdicts about columns that are nobody's."""
    texts = [cell.strip() for cell in patients]
    count = Counter(subjects.name(text) for text in texts if text)
    columns: dict[str, int] = {}
    entries = []
    for index, text in enumerate(texts):
        subject = subjects.name(text) if text else ""
        if not text:
            entries.append(
                rejected(
                    f"column {index + 2}", "a column names a patient", "it is empty", "Name the patient."
                )
            )
        elif count[subject] == 1:
            columns[subject] = index
    entries += [
        rejected(subject, "a patient has one column", f"{times} columns", "Keep the tumour's sample.")
        for subject, times in count.items()
        if times > 1
    ]
    return columns, entries


def _values(
    symbol: str, texts: Mapping[str, str], cells: Mapping[str, Cells], missing: float, subjects: Subjects
) -> Values:
    try:
        plain = np.array([float(text) for text in texts.values()])
        if np.isfinite(plain).all() and "_" not in "".join(texts.values()):  # Python reads 1_0 as ten
            return plain
    except ValueError:
        pass
    row = np.full(len(texts), math.nan)
    for index, (subject, cell) in enumerate(texts.items()):
        text, value = cell.strip(), _number(cell)
        if value is not None:
            row[index] = value
        elif text.lower() in _MISSING:
            cells[subject].missing[text] += 1
            row[index] = missing
        else:
            cells[subject].odd.append(f"{symbol} {subjects.shown(text[:20])}")
    return row


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
