"""Runs of the Sequence Read Archive, made here by its own loader."""

import gzip
import subprocess
from pathlib import Path
from shutil import which

import pytest

from medgantry.features.expression.quantification.archive import unpack_run
from medgantry.features.expression.quantification.fastq import count_pairs
from medgantry.features.expression.quantification.sample import Sample
from medgantry.ledger import Unusable
from medgantry.phantoms.expression import write_reads

pytestmark = pytest.mark.skipif(
    not all(map(which, ("fasterq-dump", "latf-load", "kar"))),
    reason="the SRA toolkit is missing: apt-get install sra-toolkit",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the mates of a sample, and the same as `run.sra`."""
    folder = tmp_path_factory.mktemp("archive")
    write_reads(folder / "reads", samples=1, pairs=200)
    for mate in (1, 2):
        packed = (folder / "reads" / "reads" / f"R01-001_{mate}.fastq.gz").read_bytes()
        (folder / f"{mate}.fastq").write_bytes(gzip.decompress(packed))
    load = ["latf-load", "-o", "db", "-p", "ILLUMINA", "--quality", "PHRED_33"]
    load += ["--read1PairFiles", "1.fastq", "--read2PairFiles", "2.fastq"]
    for command in (load, ["kar", "--create", "run.sra", "-d", "db"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


def bases(path: Path) -> list[str]:
    return sorted(path.read_text().splitlines()[1::4])


def test_a_file_of_the_archive_gives_its_pairs(run: Path, tmp_path: Path) -> None:
    mates = unpack_run(Sample(subject="A", sra=str(run / "run.sra")), tmp_path)
    assert count_pairs(*mates) == 200
    assert [bases(path) for path in mates] == [bases(run / f"{mate}.fastq") for mate in (1, 2)]


def test_a_damaged_file_is_a_verdict(run: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.sra"
    cut.write_bytes((run / "run.sra").read_bytes()[:5000])
    (tmp_path / "out").mkdir()
    with pytest.raises(Unusable, match="whole run"):
        unpack_run(Sample(subject="A", sra=str(cut)), tmp_path / "out")
    with pytest.raises(Unusable, match="files are there"):
        unpack_run(Sample(subject="A", sra=str(tmp_path / "no.sra")), tmp_path / "out")


def test_an_accession_is_told_from_a_file() -> None:
    assert Sample(subject="A", sra="SRR5944001").is_accession
    assert Sample(subject="A", sra="SRR5944001").files == []
    assert Sample(subject="A", sra="/data/SRR5944001.sra").files == ["/data/SRR5944001.sra"]
