"""A table of genes by patients, judged: which rows name a gene, which columns a patient, which cells a number."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from medgantry.ledger import Entry

STEP = "ingest_expression"
Values = NDArray[np.float64]
_SHOWN = 20
"""Odd cells that an entry spells out."""
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
# MARCH1 and SEPT2, in the supplements of one paper in five (Ziemann et al., Genome Biology 2016, s13059-016-1044-7).
_DATE = re.compile(rf"\d{{1,2}}-{_MONTH}|{_MONTH}-\d{{1,2}}|\d{{4}}-\d\d-\d\d.*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class GeneTable:
    """Values of genes in patients."""

    genes: Sequence[str]
    """One for each row; a gene can have several until they are made one."""
    subjects: Sequence[str]
    values: Values
    """(genes, subjects), NaN where nothing is known."""
    verdicts: Mapping[str, Entry]
    """What is said of each subject."""
    lost: Sequence[Entry] = ()
    """Verdicts about patients that are not among the subjects any more."""
    entries: Sequence[Entry] = ()
    """Verdicts about rows and genes that were left out or changed."""
    step: str = STEP
    """The step that judges."""


@dataclass(kw_only=True)
class Cells:
    """What became of the cells of one patient."""

    missing: Counter[str] = field(default_factory=Counter)
    """Spelling of a missing value -> how often."""
    odd: list[str] = field(default_factory=list)
    """Gene and text of cells that are neither."""

    def entry(self, subject: str, genes: int) -> Entry:
        """The verdict about a patient who stays."""
        spelled = ", ".join(f"{text or 'empty'}: {count}" for text, count in sorted(self.missing.items()))
        evidence = f"{genes} rows, {self.missing.total()} missing" + (f" ({spelled})" if spelled else "")
        if self.odd:
            more = f" and {len(self.odd) - _SHOWN} more" if len(self.odd) > _SHOWN else ""
            evidence += f"; {len(self.odd)} odd, read as missing: {', '.join(self.odd[:_SHOWN])}{more}"
        return Entry(
            item=subject,
            step=STEP,
            verdict="repaired" if self.odd else "ok",
            rule="a cell is a finite number or a declared spelling of missing",
            evidence=evidence,
        )


def judge_gene(symbol: str, row: int) -> Entry | None:
    """A verdict about a row that names no gene; None for one that does."""
    if not symbol:
        return rejected(f"row {row}", "a row names a gene", "the name is empty", "Name the gene.")
    if symbol.startswith("_"):
        return Entry(
            item=f"gene {symbol}", step=STEP, verdict="excluded", rule="a symbol does not begin with _"
        )
    if _DATE.fullmatch(symbol):
        return rejected(
            f"gene {symbol}",
            "a symbol is no date",
            "a spreadsheet made a date of it",
            "Take the table as published.",
        )
    return None


def rejected(item: str, rule: str, evidence: str, remedy: str, step: str = STEP) -> Entry:
    """An entry about what cannot be used."""
    return Entry(item=item, step=step, verdict="rejected", rule=rule, evidence=evidence, remedy=remedy)


def one_row_per_gene(table: GeneTable, *, addable: bool) -> GeneTable:
    """Make several rows of a gene one, by a rule that looks at no outcome and no other patient.

    Args:
        table: The table.
        addable: Whether values are amounts: those of rows that differ are added up, unknown where one is. Else a gene
            whose rows differ is left out. Of equal rows one is kept.
    """
    rows: dict[str, list[int]] = {}
    for index, gene in enumerate(table.genes):
        rows.setdefault(gene, []).append(index)
    if len(rows) == len(table.genes):
        return table
    kept: dict[str, Values] = {}
    entries = list(table.entries)
    for gene, indices in rows.items():
        found = table.values[indices]
        same = bool(np.array_equal(found, np.broadcast_to(found[0], found.shape), equal_nan=True))
        if addable or same:
            kept[gene] = found[0] if same else found.sum(axis=0)
        if len(indices) > 1:
            entries.append(_several(gene, len(indices), addable=addable, same=same))
    values = np.stack(list(kept.values())) if kept else np.empty((0, len(table.subjects)))
    return replace(table, genes=list(kept), values=values, entries=entries)


def _several(gene: str, count: int, *, addable: bool, same: bool) -> Entry:
    rule = "a gene has one row"
    if not (addable or same):
        return rejected(
            f"gene {gene}",
            rule,
            f"{count} rows that differ, and their unit does not add up",
            "Choose one of them.",
        )
    how = "are the same, one was kept" if same else "were added up"
    return Entry(
        item=f"gene {gene}", step=STEP, verdict="repaired", rule=rule, evidence=f"{count} rows {how}"
    )
