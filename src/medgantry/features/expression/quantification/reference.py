"""The transcripts that reads are counted for, and the genes they belong to."""

import gzip
import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_file, hash_value

_GZIP = b"\x1f\x8b"
_GENCODE = re.compile(r"[^|]+\|(?P<gene>[^|]*)\|[^|]*\|[^|]*\|[^|]*\|(?P<symbol>[^|]*)\|")
_ENSEMBL_SYMBOL = re.compile(r"\bgene_symbol:(\S+)")
_ENSEMBL_GENE = re.compile(r"\bgene:(\S+)")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Sequences in the form in which they are indexed."""

    fasta: Path
    """Transcripts, then decoys; headers are names alone."""
    gene_of: Mapping[str, str]
    """Transcript -> gene: its symbol where it has one, else its identifier."""
    decoys: tuple[str, ...]
    """Names of sequences that catch reads which belong to no transcript, such as chromosomes."""

    @property
    def key(self) -> str:
        """Hash of sequences and names."""
        return hash_value([hash_file(self.fasta), self.decoys])


def read_reference(
    transcriptome: Path, gene_table: Path | None, decoys: Path | None, target: Path
) -> Reference:
    """Read FASTA files, plain or gzip, into one.

    Args:
        transcriptome: Transcripts; headers are those of GENCODE, of Ensembl, or names alone.
        gene_table: Tab-separated or CSV: transcript, gene, and its symbol where known; None takes the headers' genes.
        decoys: Sequences of the genome; None for none.
        target: The file to write.

    Raises:
        InvalidInput: If a file is damaged or no FASTA, a name is there twice, or a transcript has no gene.
    """
    with target.open("w") as stream:
        headers = _copy(transcriptome, stream, taken=())
        chromosomes = _copy(decoys, stream, taken=headers) if decoys else {}
    given = _read_genes(gene_table) if gene_table else None
    gene_of = {
        name: _gene_in(header) if given is None else given.get(name, "") for name, header in headers.items()
    }
    lacking = [name for name, gene in gene_of.items() if not gene]
    if lacking:
        raise InvalidInput(
            f"Every transcript must have a gene, {len(lacking)} of {len(headers)} have none, such as {lacking[:3]}.",
            "Give a table of transcripts and genes, with names as in the FASTA, version numbers included.",
        )
    return Reference(fasta=target, gene_of=gene_of, decoys=tuple(chromosomes))


def _copy(source: Path, stream: IO[str], taken: Collection[str]) -> dict[str, str]:
    """Write the sequences of a file with headers that are names alone.

    Returns:
        Name -> the rest of its header.
    """
    headers: dict[str, str] = {}
    for line in _lines(source):
        if line.startswith(">"):
            name = re.split(r"[\s|]", line[1:], maxsplit=1)[0]
            if not name or name in headers or name in taken:
                raise InvalidInput(f"Sequences must have names of their own, found {name!r} twice or empty.")
            headers[name] = line[1:]
            line = f">{name}"
        elif not headers:
            break
        stream.write(line + "\n")
    if not headers:
        raise InvalidInput(
            "A FASTA file begins with > and a name, one of the reference's does not.", "Check it."
        )
    return headers


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    try:
        with gzip.open(path, "rt") if packed else path.open("rt") as stream:
            for line in stream:
                if line.strip():
                    yield line.rstrip()
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise InvalidInput(f"A file of the reference is damaged: {error}.", "Fetch it again.") from error


def _gene_in(header: str) -> str:
    gencode = _GENCODE.match(header)
    if gencode:
        return gencode["symbol"] or gencode["gene"]
    for pattern in (_ENSEMBL_SYMBOL, _ENSEMBL_GENE):
        found = pattern.search(header)
        if found:
            return found[1]
    return ""


def _read_genes(path: Path) -> dict[str, str]:
    rows = [re.split(r"[\t,]", line) for line in _lines(path)]
    if not rows or min(map(len, rows)) < 2:
        raise InvalidInput("A table of genes has a transcript and a gene in each line.", "Check it.")
    return {row[0].strip(): (row[2].strip() if len(row) > 2 else "") or row[1].strip() for row in rows}
