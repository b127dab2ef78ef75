import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medgantry.cohort import Case, Cohort, File
from medgantry.cohort.cohort import CASES
from medgantry.errors import InvalidCohort, InvalidInput
from medgantry.ledger import Entry


def _file(case_id: str, role: str = "image", sha256: str = "", uri: str = "s3://b/k") -> File:
    return File(
        case_id=case_id,
        role=role,
        channel="CT" if role == "image" else "",
        channel_index=-1,
        uri=uri,
        format="nii.gz",
        sha256=sha256 or f"{case_id}-{role}",
        shape=[4, 5, 6],
        spacing_mm=[1.0, 1.5, 0.1],
        orientation="LPS",
    )


def _cohort(splits: tuple[str, ...] = ("", "", "")) -> Cohort:
    cases = [
        Case(case_id=f"c{index}", group_id=f"g{index}", split=split, targets={"grade": "high", "a": ""})
        for index, split in enumerate(splits)
    ]
    return Cohort(
        cases=cases,
        files=[_file(case.case_id, role) for case in cases for role in ("image", "label")],
        entries=[Entry(item="c0", step="ingest", verdict="ok", rule="checked")],
        channels=["CT"],
        label_map={"background": 0, "lesion": 1},
        regions={"lesion": ["lesion"]},
        licence="CC0",
        provenance={"source": "somewhere"},
        external=True,
    )


@pytest.mark.parametrize("splits", [("", "", ""), ("train", "validation", "test")])
def test_a_cohort_comes_back_equal(tmp_path: Path, splits: tuple[str, ...]) -> None:
    cohort = _cohort(splits)
    cohort.save(tmp_path / "cohort")
    assert Cohort.open(tmp_path / "cohort") == cohort


def test_the_hash_is_of_the_content_alone() -> None:
    cohort = _cohort()
    elsewhere = replace(
        cohort,
        files=[replace(file, uri="s3://other/place") for file in reversed(cohort.files)],
        cases=[replace(case, split="train") for case in reversed(cohort.cases)],
        entries=[],
        provenance={},
        licence="",
    )
    assert elsewhere.cohort_hash == cohort.cohort_hash


@pytest.mark.parametrize(
    "change",
    [
        {"files": [_file("c0", sha256="other")]},
        {"cases": [Case(case_id="c0", group_id="other")], "files": []},
        {"regions": {"other": ["lesion"]}},
        {"label_map": {"background": 0, "lesion": 2}},
        {"channels": ["MR"]},
    ],
)
def test_the_hash_changes_with_the_content(change: dict) -> None:
    assert replace(_cohort(), **change).cohort_hash != _cohort().cohort_hash


def test_the_split_has_its_own_hash() -> None:
    one, other = _cohort(("train", "test", "validation")), _cohort(("train", "validation", "test"))
    assert one.cohort_hash == other.cohort_hash
    assert one.split_hash != other.split_hash
    assert _cohort().split_hash == ""
    assert not _cohort().is_split
    assert one.side("test") == ["c1"]


def test_an_edited_table_is_refused(tmp_path: Path) -> None:
    _cohort().save(tmp_path)
    rows = pq.read_table(tmp_path / "cases.parquet").to_pylist()
    rows[0]["group_id"] = "edited"
    pq.write_table(pa.Table.from_pylist(rows, schema=CASES), tmp_path / "cases.parquet")
    with pytest.raises(InvalidCohort, match="edited by hand"):
        Cohort.open(tmp_path)


def test_an_edited_split_is_refused(tmp_path: Path) -> None:
    _cohort(("train", "validation", "test")).save(tmp_path)
    rows = pq.read_table(tmp_path / "cases.parquet").to_pylist()
    rows[2]["split"] = "train"
    pq.write_table(pa.Table.from_pylist(rows, schema=CASES), tmp_path / "cases.parquet")
    with pytest.raises(InvalidCohort, match="split_hash"):
        Cohort.open(tmp_path)


def test_an_edited_document_is_refused(tmp_path: Path) -> None:
    _cohort().save(tmp_path)
    document = json.loads((tmp_path / "cohort.json").read_text())
    document["label_map"]["lesion"] = 2
    (tmp_path / "cohort.json").write_text(json.dumps(document))
    with pytest.raises(InvalidCohort, match="cohort_hash"):
        Cohort.open(tmp_path)


def test_another_folder_or_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cohort\.json is missing"):
        Cohort.open(tmp_path)
    (tmp_path / "cohort.json").write_text('{"schema": "medgantry/cohort/0"}')
    with pytest.raises(InvalidInput, match="medgantry/cohort/0"):
        Cohort.open(tmp_path)


def test_duplicate_ids_are_refused() -> None:
    case = Case(case_id="c0", group_id="g0")
    with pytest.raises(InvalidCohort, match="unique"):
        replace(_cohort(), cases=[case, case], files=[])


def test_files_of_no_case_are_refused() -> None:
    with pytest.raises(InvalidCohort, match="stray"):
        replace(_cohort(), files=[_file("stray")])


def test_regions_of_unknown_labels_are_refused() -> None:
    with pytest.raises(InvalidCohort, match="cyst"):
        replace(_cohort(), regions={"x": ["cyst"]})


def test_a_group_on_two_sides_is_refused() -> None:
    cases = [
        Case(case_id="c0", group_id="same", split="train"),
        Case(case_id="c1", group_id="same", split="test"),
    ]
    with pytest.raises(InvalidCohort, match="same"):
        replace(_cohort(), cases=cases, files=[])


@pytest.mark.parametrize("splits", [("train", "", "test"), ("train", "dev", "test")])
def test_a_partial_or_unknown_split_is_refused(splits: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCohort, match="Every case of a split cohort"):
        _cohort(splits)
