"""A sheet of samples: every line is a sample or a verdict."""

from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.expression.quantification.sheet import read_sheet
from medgantry.ingest.dicom.names import names_for
from medgantry.storage import ObjectStore

NAMES = names_for("none")


def judged(folder: Path, text: str) -> dict[str, str]:
    sheet = read_sheet(text.encode(), str(folder / "samples.csv"), NAMES)
    found = {sample.subject: "ok" for sample in sheet.samples}
    return found | {entry.item: entry.rule for entry in sheet.entries}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a1", "a2", "b1", "b2", "c.sra", "d1", "d2"):
        (tmp_path / name).write_text("x")
    return tmp_path


def test_every_line_is_judged(folder: Path) -> None:
    lines = [
        "subject_id,fastq_1,fastq_2,sra,note",
        f"A, a1 ,{folder}/a2,,relative and absolute",
        "C,,,c.sra,",
        "R,,,SRR5944001,",
        ",b1,b2,,",
        "T,b1,b2,,",
        "T,d1,d2,,",
        "S,d1,d1,,",
        "U,a1,b2,,the first of A",
        "V,b1,,,",
        "W,b1,b2,c.sra,",
        "X,,,,",
        "Y,no1,no2,,",
        "Z,,,SRR,",
        "F,ftp://x/1,ftp://x/2,,",
    ]
    one, two, here = (
        "a patient has one sample",
        "a line names two files, or a run of the archive",
        "the files are there",
    )
    assert judged(folder, "\n".join(lines)) == {
        "A": "a file is of one patient",
        "C": "a file is of one patient",
        "R": "ok",
        "line 5": "a line names a patient",
        "T": one,
        "S": "first and second reads are two files",
        "U": "a file is of one patient",
        "V": two,
        "W": two,
        "X": two,
        "Y": here,
        "Z": here,
        "F": "a file can be asked for",
    }


def test_files_of_the_store_are_found(folder: Path, store: ObjectStore) -> None:
    for name in ("p1", "p2"):
        store.put_bytes(f"reads/{name}", b"x")
    text = "subject_id,fastq_1,fastq_2\nP,reads/p1,reads/p2\nQ,reads/q1,reads/q2\n"
    sheet = read_sheet(text.encode(), store.uri("samples.csv"), NAMES)
    assert [(s.subject, s.fastq_1) for s in sheet.samples] == [("P", store.uri("reads/p1"))]
    assert [entry.item for entry in sheet.entries] == ["Q"]
    before = next(iter(sheet.samples.values()))
    store.put_bytes("reads/p1", b"y")
    again = read_sheet(text.encode(), store.uri("samples.csv"), NAMES)
    assert next(iter(again.samples.values())) != before


@pytest.mark.parametrize(
    "text", ["", "subject_id,fastq_1,fastq_2\n", "patient,fastq_1\nA,a1\n", "subject_id\nA\n"]
)
def test_what_is_no_sheet_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(InvalidInput):
        judged(folder, text)
