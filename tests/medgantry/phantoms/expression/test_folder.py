"""The phantom of RNA reads."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.phantoms.expression import DAMAGES, main, write_reads


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reads")
    main([str(folder), "--samples", "2", "--pairs", "500"])
    return folder


def test_the_same_settings_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_reads(tmp_path / "again", samples=2, pairs=500)
    assert contents(tmp_path / "again") == contents(folder)
    before = (folder / "samples.csv").stat().st_mtime_ns
    write_reads(folder, samples=2, pairs=500)
    assert (folder / "samples.csv").stat().st_mtime_ns == before
    with pytest.raises(Mismatch):
        write_reads(folder, samples=2, pairs=500, seed=1)


def test_a_sample_does_not_depend_on_how_many_there_are(folder: Path, tmp_path: Path) -> None:
    write_reads(tmp_path / "one", samples=1, pairs=500)
    assert contents(tmp_path / "one").items() & contents(folder).items() >= {
        (name, data) for name, data in contents(folder).items() if "R01-001" in name
    }


def test_reads_are_those_of_the_truth(folder: Path) -> None:
    fasta = gzip.decompress((folder / "transcriptome.fa.gz").read_bytes()).decode()
    sequences = {one.split()[0]: one.split("\n")[1] for one in fasta.split(">")[1:]}
    truth = {row["transcript"]: row for row in rows(folder / "truth.csv") if row["subject_id"] == "R01-001"}
    assert set(truth) == set(sequences)
    assert sum(int(row["fragments"]) for row in truth.values()) == 500
    assert sum(float(row["tpm"]) for row in truth.values()) == pytest.approx(1e6)
    lines = gzip.decompress((folder / "reads" / "R01-001_1.fastq.gz").read_bytes()).decode().splitlines()
    assert len(lines) == 2000
    turn = str.maketrans("ACGT", "TGCA")
    found: Counter[str] = Counter()
    for bases in lines[1::4]:
        both = bases[:30], bases.translate(turn)[::-1][-30:]
        found.update(name[:6] for name in sequences if any(end in sequences[name] for end in both))
    single = [name for name in sequences if not any(o != name and o[:6] == name[:6] for o in sequences)]
    counted = sum(found[name[:6]] for name in single)
    assert counted == pytest.approx(sum(int(truth[name]["fragments"]) for name in single), rel=0.1)


def test_damages_are_those_that_are_named(tmp_path: Path) -> None:
    write_reads(tmp_path, samples=len(DAMAGES) + 1, damaged=len(DAMAGES), pairs=100)
    assert len(rows(tmp_path / "samples.csv")) == len(DAMAGES) + 1
    assert not (tmp_path / "reads" / f"R01-{DAMAGES.index('missing') + 2:03d}_2.fastq.gz").exists()
    with pytest.raises(EOFError):
        gzip.decompress((tmp_path / "reads" / "R01-002_2.fastq.gz").read_bytes())


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        write_reads(tmp_path, samples=1, damaged=2)
