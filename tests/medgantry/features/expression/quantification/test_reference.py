"""Transcripts and their genes."""

import gzip
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.expression.quantification.reference import Reference, read_reference

ENSEMBL = (
    ">ENST1.2 cdna chromosome:GRCh38:1:1:9:1 gene:ENSG1.1 gene_biotype:x gene_symbol:TP53 description:a b\nACGT\nAC\n"
    ">ENST2.1 cdna gene:ENSG2.7 gene_biotype:x\nGGGG\n"
)
GENCODE = (
    ">ENST1.2|ENSG1.1|OTTG|OTTT|TP53-201|TP53|1657|protein_coding|\nACGT\nAC\n"
    ">ENST2.1|ENSG2.7|-|-|X-1||500|lncRNA|\nGGGG\n"
)


def read(folder: Path, text: str, genes: str = "", decoys: str = "") -> Reference:
    paths = {"fasta": text, "genes": genes, "decoys": decoys}
    for name, content in paths.items():
        (folder / name).write_text(content)
    given = [folder / name if paths[name] else None for name in ("genes", "decoys")]
    return read_reference(folder / "fasta", given[0], given[1], folder / "out")


@pytest.mark.parametrize("text", [ENSEMBL, GENCODE])
def test_genes_of_headers(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert found.gene_of == {"ENST1.2": "TP53", "ENST2.1": "ENSG2.7"}
    assert found.fasta.read_text() == ">ENST1.2\nACGT\nAC\n>ENST2.1\nGGGG\n"


@pytest.mark.parametrize("table", ["a\tG1\tTP53\nb\tG2\t\n", "a,G1,TP53\nb,G2\n"])
def test_genes_of_a_table(tmp_path: Path, table: str) -> None:
    assert read(tmp_path, ">a\nAC\n>b\nGT\n", table).gene_of == {"a": "TP53", "b": "G2"}


def test_decoys_have_no_gene(tmp_path: Path) -> None:
    found = read(tmp_path, ENSEMBL, decoys=">chr1 AC:1\nAAAA\n")
    assert found.decoys == ("chr1",)
    assert set(found.gene_of) == {"ENST1.2", "ENST2.1"}
    assert found.fasta.read_text().endswith(">chr1\nAAAA\n")
    assert found.key != read(tmp_path, ENSEMBL).key


@pytest.mark.parametrize(
    ("text", "genes", "decoys", "says"),
    [
        (">a\nAC\n", "", "", "must have a gene"),
        (">a.1\nAC\n", "a\tG\n", "", "must have a gene"),
        (">a gene:G\nAC\n>a gene:G\nGT\n", "", "", "names of their own"),
        (ENSEMBL, "", ">ENST1.2\nAC\n", "names of their own"),
        ("ACGT\n", "", "", "FASTA"),
        ("", "", "", "FASTA"),
        (">a\nAC\n", "a\n", "", "in each line"),
    ],
)
def test_what_does_not_hold_is_refused(tmp_path: Path, text: str, genes: str, decoys: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(tmp_path, text, genes, decoys)


def test_a_cut_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(gzip.compress(ENSEMBL.encode())[:-5])
    with pytest.raises(InvalidInput, match="damaged"):
        read_reference(tmp_path / "cut", None, None, tmp_path / "out")
