"""From a sheet of samples to features: what was planted is found, what is damaged is told."""

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import numpy as np
import pyarrow.parquet as pq
import pytest

from medgantry.dicom.deidentification.pseudonyms import VARIABLE, Pseudonyms
from medgantry.errors import InvalidInput, Mismatch, TooManyRejected
from medgantry.features.column import Column
from medgantry.features.expression.quantification.index import keep_index
from medgantry.features.expression.quantification.merge_step import merge_expression
from medgantry.features.expression.quantification.reference import read_reference
from medgantry.features.expression.quantification.step import plan, quantify
from medgantry.features.expression.step import ingest_expression
from medgantry.features.table import FeatureTable
from medgantry.phantoms.expression import DAMAGES, write_reads
from medgantry.steps import read_records
from medgantry.storage import ObjectStore, fetch_folder, folder_exists

pytestmark = pytest.mark.skipif(which("salmon") is None, reason="salmon is missing: apt-get install salmon")
PLAN = {"gene_table": "", "decoys": "", "kmer": 31, "deidentify": "none"}
MERGE = {"genes": "", "transform": "log2", "min_pairs": 500, "min_mapped": 0.4, "max_rejected": 0.9}
DAY = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reads")
    write_reads(folder, samples=2 + len(DAMAGES), damaged=len(DAMAGES), pairs=2000)
    return folder


def planned(reads: Path, output: Path, **settings: object) -> list[int]:
    files = {"sheet": str(reads / "samples.csv"), "transcriptome": str(reads / "transcriptome.fa.gz")}
    return plan(output, **{**PLAN, **files, **settings})  # type: ignore[arg-type]


def quantified(plan_folder: Path, tasks: list[int], output: Path) -> list[Path]:
    folders = [output / str(index) for index in tasks]
    for index, folder in zip(tasks, folders, strict=True):
        quantify(plan_folder, folder, index=index)
    return folders


def truths(reads: Path) -> dict[tuple[str, str], tuple[str, float, int]]:
    with (reads / "truth.csv").open(newline="") as stream:
        return {
            (row["subject_id"], row["transcript"]): (row["gene"], float(row["tpm"]), int(row["fragments"]))
            for row in csv.DictReader(stream)
        }


def test_planted_abundances_are_found_and_damaged_samples_told(
    store: ObjectStore, reads: Path, tmp_path: Path
) -> None:
    tasks = planned(reads, tmp_path / "plan")
    receipts = quantified(tmp_path / "plan", tasks, tmp_path / "receipts")
    made = tmp_path / "table", tmp_path / "abundances", tmp_path / "report.html"
    merge_expression(tmp_path / "plan", receipts, None, *made, **MERGE)  # type: ignore[arg-type]
    table, truth = FeatureTable.open(made[0]), truths(reads)
    assert table.subjects == ["R01-001", "R01-002"]
    assert {column.unit for column in table.columns} == {"log2(TPM+1)"}
    _check_transcripts(pq.read_table(made[1] / "transcripts.parquet").to_pylist(), truth)
    _check_genes(table, truth)
    _check_ledger(table)
    assert all(text in made[2].read_text() for text in ("R01-001", "R01-008", "salmon", "2 of 8"))

    # The table of genes is one that ingest_expression reads, to the same features.
    settings = {
        "genes": "",
        "unit": "TPM",
        "transform": "log2",
        "missing": "unmeasured",
        "deidentify": "none",
    }
    source = str(made[1] / "genes.tsv")
    ingest_expression(tmp_path / "again", None, source=source, max_rejected=0.0, **settings)  # type: ignore[arg-type]
    assert FeatureTable.open(tmp_path / "again").content_hash == table.content_hash

    # A second run makes nothing and finds the same.
    assert planned(reads, tmp_path / "plan2") == tasks
    second = quantified(tmp_path / "plan2", tasks, tmp_path / "receipts2")
    merge_expression(tmp_path / "plan2", second, None, tmp_path / "t2", *made[1:], **MERGE)  # type: ignore[arg-type]
    assert FeatureTable.open(tmp_path / "t2").content_hash == table.content_hash
    records = {(r["step"], r["iteration"]): r for r in read_records(store, "test")}
    assert records["plan_expression", -1]["reused"]
    assert records["quantify_expression", 0]["reused"]


def _check_transcripts(
    rows: list[dict[str, object]], truth: dict[tuple[str, str], tuple[str, float, int]]
) -> None:
    genes = [gene for (subject, _), (gene, _, _) in truth.items() if subject == "R01-001"]
    checked = 0
    for row in rows:
        gene, tpm, fragments = truth[str(row["subject_id"]), str(row["transcript"])]
        assert row["gene"] == gene
        if genes.count(gene) == 1:  # no isoform shares its sequence
            assert row["fragments"] == pytest.approx(fragments, rel=0.05)
            assert row["tpm"] == pytest.approx(tpm, rel=0.05)
            checked += 1
    assert checked == 24


def _check_genes(table: FeatureTable, truth: dict[tuple[str, str], tuple[str, float, int]]) -> None:
    wanted: dict[tuple[str, str], float] = {}
    for (subject, _), (gene, tpm, _) in truth.items():
        wanted[subject, gene] = wanted.get((subject, gene), 0.0) + tpm
    for row in table.rows:
        found = {column.source: 2 ** row[column.name] - 1 for column in table.columns}
        assert sum(found.values()) == pytest.approx(1e6, rel=1e-4)
        errors = [abs(value / wanted[row["subject_id"], gene] - 1) for gene, value in found.items()]
        assert np.median(errors) < 0.03


def _check_ledger(table: FeatureTable) -> None:
    verdicts = {entry.item: entry for entry in table.entries}
    rules = {DAMAGES[int(item[-3:]) - 3]: e.rule for item, e in verdicts.items() if e.verdict == "rejected"}
    assert rules == {
        "cut off": "the gzip stream is whole",
        "mates of another order": "both files have the same reads in the same order",
        "empty": "both files have as many reads",
        "missing": "the files are there",
        "a record torn": "a record is @name, bases, + and as many qualities",
        "one read less": "both files have as many reads",
    }
    assert verdicts["R01-008"].evidence == "fastq_2 ends after 1999"
    assert verdicts["R01-001"].verdict == "ok"
    assert "2,000 pairs" in verdicts["R01-001"].evidence


def test_reads_of_something_else_are_rejected_by_the_thresholds(
    store: ObjectStore, reads: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write_reads(other, samples=1, pairs=300, seed=5)
    (tmp_path / "samples.csv").write_text(
        "subject_id,fastq_1,fastq_2\n"
        f"R01-001,{reads}/reads/R01-001_1.fastq.gz,{reads}/reads/R01-001_2.fastq.gz\n"
        f"R01-002,{other}/reads/R01-001_1.fastq.gz,{other}/reads/R01-001_2.fastq.gz\n"
    )
    tasks = planned(reads, tmp_path / "plan", sheet=str(tmp_path / "samples.csv"))
    receipts = quantified(tmp_path / "plan", tasks, tmp_path / "receipts")
    made = tmp_path / "table", tmp_path / "abundances", tmp_path / "report.html"
    merge_expression(tmp_path / "plan", receipts, None, *made, **MERGE)  # type: ignore[arg-type]
    table = FeatureTable.open(made[0])
    assert table.subjects == ["R01-001"]
    rejected = next(entry for entry in table.entries if entry.item == "R01-002")
    assert rejected.rule == "salmon quantifies the sample"
    assert "minimum number" in rejected.evidence
    with pytest.raises(TooManyRejected, match="at least 5,000 pairs map"):
        merge_expression(tmp_path / "plan", receipts, None, *made, **{**MERGE, "min_pairs": 5000})  # type: ignore[arg-type]
    assert "at least 5,000 pairs map" in made[2].read_text()  # the report is there to be read
    with pytest.raises(Mismatch, match="found 1 results"):
        merge_expression(tmp_path / "plan", receipts[:1], None, *made, **MERGE)  # type: ignore[arg-type]


def test_patients_have_pseudonyms_and_times(
    store: ObjectStore, reads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "0123456789abcdef0123")
    sheet = tmp_path / "samples.csv"
    sheet.write_text(
        f"subject_id,fastq_1,fastq_2\nR01-001,{reads}/reads/R01-001_1.fastq.gz,{reads}/reads/R01-001_2.fastq.gz\n"
    )
    tasks = planned(reads, tmp_path / "plan", sheet=str(sheet), deidentify="pseudonyms")
    receipts = quantified(tmp_path / "plan", tasks, tmp_path / "receipts")
    name = Pseudonyms.from_environment().patient("R01-001")
    FeatureTable(
        columns=[Column(name="time", role="time", kind="number")],
        rows=[{"subject_id": name, "event_timestamp": DAY, "time": 1.0}],
        entries=[],
        provenance={"origin": "surgery"},
    ).save(tmp_path / "outcomes")
    made = tmp_path / "table", tmp_path / "abundances", tmp_path / "report.html"
    merge_expression(tmp_path / "plan", receipts, tmp_path / "outcomes", *made, **MERGE)  # type: ignore[arg-type]
    assert [(row["subject_id"], row["event_timestamp"]) for row in FeatureTable.open(made[0]).rows] == [
        (name, DAY)
    ]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path != sheet]
    assert not [path for path in kept if b"R01-001" in path.read_bytes()]


def test_who_is_first_makes_the_index(store: ObjectStore, reads: Path, tmp_path: Path) -> None:
    reference = read_reference(reads / "transcriptome.fa.gz", None, None, tmp_path / "reference.fasta")
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(lambda _: keep_index(reference, 31, store)[0], range(2))]
    assert found[0] == found[1]
    assert folder_exists(store, found[0])
    fetch_folder(store, found[0], tmp_path / "index")
    assert keep_index(reference, 31, store) == (found[0], True)
    assert keep_index(reference, 29, store)[0] != found[0]


def test_decoys_are_indexed_and_never_counted(store: ObjectStore, reads: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_reads(other, samples=1, pairs=300, seed=5)
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCA" * 400 + "\n")
    tasks = planned(
        reads, tmp_path / "plan", decoys=str(tmp_path / "genome.fa"), sheet=str(reads / "samples.csv")
    )
    assert tasks
    receipts = quantified(tmp_path / "plan", tasks[:1], tmp_path / "receipts")
    assert "chr1" not in (receipts[0] / "receipt.json").read_text()


def test_a_sheet_without_usable_samples_is_refused(store: ObjectStore, reads: Path, tmp_path: Path) -> None:
    (tmp_path / "samples.csv").write_text("subject_id,fastq_1,fastq_2\nA,/no/1.fq,/no/2.fq\n")
    with pytest.raises(InvalidInput, match="A: the files are there"):
        planned(reads, tmp_path / "plan", sheet=str(tmp_path / "samples.csv"))


def test_a_missing_program_says_how_to_get_it(
    store: ObjectStore, reads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInput, match="apt-get install salmon"):
        planned(reads, tmp_path / "plan")
