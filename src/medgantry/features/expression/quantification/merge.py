"""From quantified samples to one table of genes, and one of transcripts."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medgantry.errors import Mismatch
from medgantry.features.expression.gene_table import GeneTable, Values
from medgantry.features.expression.quantification.judge import STEP, Quantified
from medgantry.features.expression.quantification.plan import ExpressionPlan
from medgantry.ledger import Entry
from medgantry.storage.files import fetch

TRANSCRIPTS, GENES = "transcripts.parquet", "genes.tsv"


def merge_samples(
    plan: ExpressionPlan,
    accepted: Sequence[Quantified],
    verdicts: Sequence[Entry],
    output: Path,
    scratch: Path,
) -> GeneTable:
    """Write the transcripts of all samples, and add TPM up by gene.

    TPM of a gene is the sum of its transcripts' TPM: both count molecules. Transcripts that are shorter than the words
    of the index are not measured.

    Args:
        plan: Whose genes.
        accepted: Samples that can be used.
        verdicts: One about each sample.
        output: Folder for `transcripts.parquet` and `genes.tsv`.
        scratch: Folder for what must be fetched.

    Returns:
        TPM of genes in patients.

    Raises:
        Mismatch: If samples were quantified with different transcripts.
    """
    output.mkdir(parents=True, exist_ok=True)
    genes, columns = _summed(plan.gene_of, _written(accepted, plan.gene_of, output / TRANSCRIPTS, scratch))
    said = {entry.item: entry for entry in verdicts}
    table = GeneTable(
        genes=genes,
        subjects=[sample.subject for sample in accepted],
        values=np.stack(columns, axis=1) if columns else np.empty((0, 0)),
        verdicts={sample.subject: said[sample.subject] for sample in accepted},
        lost=[entry for entry in verdicts if entry.verdict == "rejected"],
        step=STEP,
    )
    _write_genes(table, output / GENES)
    return table


def _written(
    accepted: Sequence[Quantified], gene_of: Mapping[str, str], path: Path, scratch: Path
) -> Iterator[pa.Table]:
    """The transcripts of each sample, written on the way: all samples at once would fill the memory."""
    writer: pq.ParquetWriter | None = None
    for sample in accepted:
        found = pq.read_table(fetch(sample.uri, sample.sha256, scratch, "parquet"))
        rows = found.num_rows
        genes = pa.array([gene_of.get(name, "") for name in found["transcript"].to_pylist()])
        named = found.add_column(0, "subject_id", pa.array([sample.subject] * rows)).append_column(
            "gene", genes
        )
        writer = writer or pq.ParquetWriter(path, named.schema)
        writer.write_table(named)
        yield named
    if writer:
        writer.close()


def _summed(gene_of: Mapping[str, str], samples: Iterator[pa.Table]) -> tuple[list[str], list[Values]]:
    """Names of genes, and for each sample their TPM."""
    first: list[str] = []
    genes: list[str] = []
    index = np.empty(0, np.int64)
    columns: list[Values] = []
    for sample in samples:
        names = sample["transcript"].to_pylist()
        if not first:
            first, named = names, [gene_of[name] for name in names]
            genes = sorted(set(named))
            index = np.searchsorted(genes, named)
        elif names != first:
            raise Mismatch(
                "Samples must be quantified with the same transcripts, two were not.", "Quantify again."
            )
        tpm: Values = np.bincount(index, weights=sample["tpm"].to_numpy(), minlength=len(genes)).astype(float)
        columns.append(tpm)
    return genes, columns


def _write_genes(table: GeneTable, path: Path) -> None:
    """In the layout that ingest_expression reads."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(["", *table.subjects])
        writer.writerows([gene, *row] for gene, row in zip(table.genes, table.values.tolist(), strict=True))
