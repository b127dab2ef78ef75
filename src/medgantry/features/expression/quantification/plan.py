"""Which sample goes to which task, and where what is made of it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry.dealing import MAX_PARTS
from medgantry.documents import read_document, write_document
from medgantry.features.expression.quantification.salmon import QUANT_OPTIONS
from medgantry.features.expression.quantification.sheet import Sheet
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.ingest.dicom.names import Names
from medgantry.ledger import Entry

SCHEMA_NAME = "medgantry/expression-plan/1"


@dataclass(frozen=True, kw_only=True)
class PlannedSample:
    """One sample to quantify."""

    subject: str
    key: str
    """Where its result lies in the store: a hash of what decides it."""
    sealed: str
    """The sample, readable with the key only where patients have pseudonyms: names of files can name people."""


@dataclass(frozen=True, kw_only=True)
class ExpressionPlan:
    """All samples of a sheet."""

    spec: str
    """The folder of the results: a hash of index, options and code."""
    index: str
    """Prefix of the index in the store."""
    program: str
    """What counts the reads, with its version."""
    deidentify: str
    samples: Sequence[PlannedSample]
    entries: Sequence[Entry]
    gene_of: Mapping[str, str]
    """Transcript -> gene."""

    @property
    def parts(self) -> int:
        """Number of tasks."""
        return min(len(self.samples), MAX_PARTS)

    def part(self, index: int) -> list[PlannedSample]:
        """The samples of one task."""
        return list(self.samples[index :: self.parts])

    def save(self, folder: Path) -> None:
        """Write the plan's folder."""
        document = {key: value for key, value in vars(self).items() if key != "gene_of"}
        document |= {"samples": list(map(asdict, self.samples)), "entries": list(map(asdict, self.entries))}
        write_document(folder / "plan.json", SCHEMA_NAME, document)
        genes = {"transcript": list(self.gene_of), "gene": list(self.gene_of.values())}
        pq.write_table(pa.table(genes), folder / "genes.parquet")

    @classmethod
    def open(cls, folder: Path) -> "ExpressionPlan":
        """Read a plan.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document: dict[str, Any] = read_document(folder / "plan.json", SCHEMA_NAME)
        genes = pq.read_table(folder / "genes.parquet").to_pydict()
        document["samples"] = [PlannedSample(**sample) for sample in document["samples"]]
        document["entries"] = [Entry(**entry) for entry in document["entries"]]
        return cls(**document, gene_of=dict(zip(genes["transcript"], genes["gene"], strict=True)))


def plan_samples(
    sheet: Sheet, names: Names, *, index: str, program: str, deidentify: str, gene_of: Mapping[str, str]
) -> ExpressionPlan:
    """Name the work of each sample by what decides its result.

    Args:
        sheet: The samples.
        names: What seals their files' names.
        index: Prefix of the index in the store.
        program: What counts the reads, with its version.
        deidentify: How patients were named.
        gene_of: Transcript -> gene.
    """
    spec = hash_value([SCHEMA_NAME, index, program, QUANT_OPTIONS, names.fingerprint, code_fingerprint()])
    planned = []
    for sample, marks in sheet.samples.items():
        content = names.name("reads", hash_value([asdict(sample), marks]))
        planned.append(
            PlannedSample(
                subject=sample.subject,
                key=f"expression/{spec}/{content}.json",
                sealed=names.sealed(asdict(sample)),
            )
        )
    return ExpressionPlan(
        spec=spec,
        index=index,
        program=program,
        deidentify=deidentify,
        samples=planned,
        entries=sheet.entries,
        gene_of=gene_of,
    )
