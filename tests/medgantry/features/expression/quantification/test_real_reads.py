"""salmon on reads with a published truth or a published result."""

import csv
import gzip
import os
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from medgantry.features.expression.quantification.fastq import count_pairs
from medgantry.features.expression.quantification.reference import read_reference
from medgantry.features.expression.quantification.salmon import Quality, build_index, quantify

REAL = os.environ.get("MEDGANTRY_REAL_DATA", "")
pytestmark = [
    pytest.mark.skipif(which("salmon") is None, reason="salmon is missing: apt-get install salmon"),
    pytest.mark.skipif(not REAL, reason="MEDGANTRY_REAL_DATA is not set"),
]
RNA = Path(REAL) / "H_rnaseq"
Found = dict[str, dict[str, float]]


def run(fasta: Path, mates: tuple[Path, Path], kmer: int, scratch: Path) -> tuple[Quality, Found]:
    sequences = read_fasta(fasta)
    (scratch / "genes.tsv").write_text("".join(f"{name}\t{name}\n" for name in sequences))
    reference = read_reference(fasta, scratch / "genes.tsv", None, scratch / "reference.fasta")
    build_index(reference.fasta, (), kmer, scratch / "index")
    quality, table = quantify(scratch / "index", mates, scratch / "out")
    assert quality.pairs == count_pairs(*mates)
    return quality, {row["transcript"]: row for row in table.to_pylist()}


def read_fasta(path: Path) -> dict[str, str]:
    with gzip.open(path, "rt") as stream:
        records = stream.read().split(">")[1:]
    return {one.split()[0]: "".join(one.split("\n")[1:]).upper() for one in records}


def unambiguous(sequences: dict[str, str], kmer: int) -> set[str]:
    """Transcripts of which no word is in another."""
    words = {name: {s[i : i + kmer] for i in range(len(s) - kmer + 1)} for name, s in sequences.items()}
    return {a for a in words if not any(words[a] & words[b] for b in words if b != a)}


def test_simulated_reads_are_counted_within_five_percent(tmp_path: Path) -> None:
    folder = RNA / "salmon_sample_data_simulated"
    fasta = folder / "transcripts.fasta.gz"
    quality, found = run(fasta, (folder / "reads_1.fastq.gz", folder / "reads_2.fastq.gz"), 31, tmp_path)
    assert (quality.pairs, quality.library) == (10_000, "IU")
    with (folder / "truth_counts.tsv").open() as stream:
        truth = {name: int(count) for name, count in csv.reader(stream, delimiter="\t")}
    clear = unambiguous(read_fasta(fasta), 31)
    assert len(clear) >= 5
    density = {name: truth.get(name, 0) / found[name]["effective_length"] for name in found}
    for name in clear:
        assert found[name]["fragments"] == pytest.approx(truth[name], rel=0.05)
        assert found[name]["tpm"] == pytest.approx(1e6 * density[name] / sum(density.values()), rel=0.05)


def test_real_reads_give_the_published_result(tmp_path: Path) -> None:
    folder = RNA / "geuvadis_chr21"
    mates = folder / "a.chr21.1.fq.gz", folder / "a.chr21.2.fq.gz"
    quality, found = run(folder / "transcriptome.chr21.fa.gz", mates, 23, tmp_path)
    with (folder / "expected" / "salmon_1.10.1_quant.sf").open() as stream:
        expected = {row["Name"]: float(row["TPM"]) for row in csv.DictReader(stream, delimiter="\t")}
    assert quality.share_mapped == pytest.approx(0.235, abs=0.005)
    assert set(expected) <= set(found)  # theirs left transcripts of equal sequence out
    pairs = np.array([(found[name]["tpm"], tpm) for name, tpm in expected.items()])
    pairs = pairs[pairs.max(axis=1) > 1]
    assert np.corrcoef(np.log2(pairs.T + 1))[0, 1] > 0.99
    assert np.mean(np.abs(pairs[:, 0] / np.maximum(pairs[:, 1], 1e-9) - 1) < 0.05) > 0.9
