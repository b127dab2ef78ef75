"""From a table of genes by patients to features of patients. Nothing is fitted: a value depends on its patient alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidInput
from medgantry.features.column import BASELINE, NUMBER, Column
from medgantry.features.expression.config import TPM, ExpressionConfig
from medgantry.features.expression.gene_table import GeneTable, Values, rejected
from medgantry.features.expression.names import column_names
from medgantry.features.expression.times import SURGERY
from medgantry.features.table import ALWAYS, SUBJECT, TIMESTAMP, FeatureTable
from medgantry.ledger import Entry, check_budget

MODALITY = "expression"
_MILLION = 1e6
_LIKE_TPM = 1e-3
"""Relative distance from a million within which a sum of values is that of TPM."""


def make_features(
    table: GeneTable,
    config: ExpressionConfig,
    times: Mapping[str, datetime] | None,
    provenance: Mapping[str, Any],
) -> FeatureTable:
    """A row per patient, a column per wanted gene.

    Args:
        table: One row per gene.
        config: What the values are and which are wanted.
        times: When each patient's tissue was taken; None if nobody knows.
        provenance: Where the table is from.

    Raises:
        InvalidInput: If values cannot be of the declared unit, no wanted gene or no patient is left.
        TooManyRejected: If more patients are rejected than allowed.
    """
    if config.is_linear:
        _check_amounts(table, config.unit)
    dropped = _unusable(table, config.unit) | (_untimed(table, times) if times is not None else {})
    lost = [*table.lost, *dropped.values()]
    check_budget(lost, total=len(table.subjects) + len(table.lost), max_rejected=config.max_rejected)
    kept = [index for index, subject in enumerate(table.subjects) if subject not in dropped]
    if not kept:
        raise InvalidInput(
            f"No patient of {len(table.subjects)} is left: {lost[0].rule if lost else 'there was none'}.",
            "Read the ledger; patients of two tables meet only if both name them by the same `deidentify`.",
        )
    rows, absent = _wanted(table, config.genes.symbols)
    values = table.values[np.ix_(rows, kept)]
    if config.transform == "log2":
        values = np.log2(values + 1)
    genes = [table.genes[row] for row in rows]
    columns = _columns(genes, config, milestone=SURGERY if times is not None else "")
    subjects = [table.subjects[index] for index in kept]
    return FeatureTable(
        columns=columns,
        rows=_rows(columns, subjects, values, times),
        entries=[*(table.verdicts[subject] for subject in subjects), *lost, *table.entries, *absent],
        provenance={
            **provenance,
            "unit": config.unit,
            "transform": config.transform,
            "missing": config.missing,
            "genes": {
                "list": config.genes.provenance,
                "warning": config.genes.warning,
                "of": len(table.genes),
            },
            "known_from": "the outcomes' time of the patient"
            if times is not None
            else "always: no outcomes were given",
        },
    )


def _check_amounts(table: GeneTable, unit: str) -> None:
    negative = [gene for gene, row in zip(table.genes, table.values, strict=True) if (row < 0).any()]
    if negative:
        raise InvalidInput(
            f"{unit} is never negative, {len(negative)} genes are, such as {', '.join(negative[:5])}.",
            'Values that are scaled already have another unit, such as "z-score", and transform "none".',
        )


def _unusable(table: GeneTable, unit: str) -> dict[str, Entry]:
    """Verdicts about patients without a value, or with values of another unit."""
    sums = np.nansum(table.values, axis=0).tolist()
    known = (~np.isnan(table.values)).sum(axis=0).tolist()
    found = {}
    for subject, total, count in zip(table.subjects, sums, known, strict=True):
        if not count:
            verdict = "a patient has a value", "all are missing", "Leave the column out."
        elif unit == TPM and total > _MILLION * (1 + _LIKE_TPM):
            verdict = (
                "TPM of a patient add up to a million",
                f"{total:.0f}",
                "Give the unit that the values have.",
            )
        elif unit in ("FPKM", "RPKM") and abs(total - _MILLION) < _MILLION * _LIKE_TPM:
            evidence = f"values declared {unit} add up to {total:.0f}: they are TPM"
            verdict = "a table has one unit", evidence, "Quantify all patients in one way."
        else:
            continue
        found[subject] = rejected(subject, *verdict, step=table.step)
    return found


def _untimed(table: GeneTable, times: Mapping[str, datetime]) -> dict[str, Entry]:
    return {
        subject: Entry(
            item=subject, step=table.step, verdict="excluded", rule="the outcomes know the patient's time"
        )
        for subject in table.subjects
        if subject not in times
    }


def _wanted(table: GeneTable, symbols: Sequence[str]) -> tuple[list[int], list[Entry]]:
    """Rows of the wanted genes, and verdicts about those that are not there."""
    where = {gene: row for row, gene in enumerate(table.genes)}
    wanted = symbols or table.genes
    rows = [where[gene] for gene in wanted if gene in where]
    if not rows:
        raise InvalidInput(
            f"None of the {len(wanted)} wanted genes is among the {len(where)} of the table, "
            f"which begin with {list(where)[:5]}.",
            "Give symbols as the table writes them.",
        )
    absent = [
        rejected(
            f"gene {gene}",
            "a wanted gene is in the table",
            "it is not",
            "Look for another symbol of the gene.",
            step=table.step,
        )
        for gene in wanted
        if gene not in where
    ]
    return rows, absent


def _columns(genes: Sequence[str], config: ExpressionConfig, milestone: str) -> list[Column]:
    return [
        Column(
            name=name,
            role=BASELINE,
            kind=NUMBER,
            unit=config.feature_unit,
            source=gene,
            modality=MODALITY,
            milestone=milestone,
        )
        for gene, name in column_names(genes).items()
    ]


def _rows(
    columns: Sequence[Column], subjects: Sequence[str], values: Values, times: Mapping[str, datetime] | None
) -> list[dict[str, Any]]:
    """Rows of the table.

    Args:
        columns: One per gene.
        subjects: The patients.
        values: (genes, subjects).
        times: When each patient's tissue was taken.
    """
    names = [column.name for column in columns]
    plain: NDArray[np.object_] = values.T.astype(object)
    plain[np.isnan(values.T)] = None
    return [
        {
            SUBJECT: subject,
            TIMESTAMP: ALWAYS if times is None else times[subject],
            **dict(zip(names, row, strict=True)),
        }
        for subject, row in zip(subjects, plain, strict=True)
    ]
