"""Joins on a real S3 server."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.store.publish import publish
from medgantry.features.store.step import join_step, publish_step
from medgantry.features.table import ALWAYS, FeatureTable
from medgantry.ledger import Entry
from medgantry.steps import read_records
from medgantry.storage import ObjectStore
from tests.medgantry.features.store.tables import (
    AGE,
    HOSPITAL,
    PROJECT,
    SEX,
    STAGE,
    START,
    day,
    outcomes,
    radiomics,
    rejected,
    table,
)


def join(folder: Path, wanted: FeatureTable, views: Sequence[str]) -> FeatureTable:
    wanted.save(folder / "outcomes")
    join_step(
        folder / "outcomes",
        folder / "joined",
        folder / "report.html",
        views=", ".join(views),
        project=PROJECT,
    )
    return FeatureTable.open(folder / "joined")


def said(joined: FeatureTable, subject: str) -> list[tuple[str, str, str]]:
    return [(e.verdict, e.rule, e.evidence) for e in joined.entries if e.item == subject]


def by_subject(joined: FeatureTable, column: str) -> dict[str, object]:
    return {row["subject_id"]: row[column] for row in joined.rows}


def test_values_join_as_of_the_prediction_time_and_none_from_later(
    store: ObjectStore, tmp_path: Path
) -> None:
    course = {
        "a": {
            0: {"age": 50.0, "sex": "male", "hospital": "A"},
            10: {"age": 51.0, "sex": "male", "hospital": "A"},
        },
        "b": {
            0: {"age": 60.0, "sex": None, "hospital": "B"},
            10: {"age": 61.0, "sex": "female", "hospital": "B"},
        },
        "c": {10: {"age": 71.0, "sex": "female", "hospital": "A"}},
        "d": {0: {"age": None, "sex": "female", "hospital": "A"}},
    }
    always = (ALWAYS - START).days
    publish(store, PROJECT, "clinical", table([AGE, SEX, HOSPITAL], course))
    publish(store, PROJECT, "radiomics", radiomics({name: ord(name) for name in "abcd"}, at=always))
    joined = join(tmp_path, outcomes({"a": 10, "b": 9.999, "c": 5, "d": 5}), ["clinical", "radiomics"])
    assert by_subject(joined, "clinical__age") == {"a": 51.0, "b": 60.0, "c": None, "d": None}
    assert by_subject(joined, "clinical__sex") == {"a": "male", "b": None, "c": None, "d": "female"}
    assert by_subject(joined, "radiomics__volume") == {"a": 97.0, "b": 98.0, "c": 99.0, "d": 100.0}
    assert by_subject(joined, "event_timestamp") == {"a": day(10), "b": day(9.999), "c": day(5), "d": day(5)}
    columns = {column.name: (column.role, column.modality, column.unit) for column in joined.columns}
    assert columns == {
        "clinical__age": ("baseline", "clinical", "a"),
        "clinical__sex": ("baseline", "clinical", ""),
        "clinical__hospital": ("site", "clinical", ""),
        "radiomics__volume": ("baseline", "radiomics", "mm3"),
        "radiomics__texture": ("baseline", "radiomics", ""),
        "days": ("time", "", "d"),
        "dead": ("event", "", ""),
    }
    assert said(joined, "a") == [("ok", "joined", "clinical, radiomics")]
    assert said(joined, "c") == [
        ("ok", "joined", "radiomics"),
        ("ok", "a view may know nothing of a subject",
         "clinical knows it only from 2001-01-11 00:00 on, after 2001-01-06 00:00"),
    ]  # fmt: skip


def test_columns_of_a_later_milestone_are_left_out_until_then(store: ObjectStore, tmp_path: Path) -> None:
    course = {
        name: {0: {"age": 50.0, "stage": None}, 30: {"age": 50.0, "stage": "II"}} for name in ("a", "b")
    }
    publish(store, PROJECT, "clinical", table([AGE, STAGE], course))
    at_ct = join(tmp_path / "ct", outcomes({"a": 0, "b": 0}), ["clinical"])
    assert [column.name for column in at_ct.columns] == ["clinical__age", "days", "dead"]
    left_out = next(r for r in read_records(store, "test") if r["step"] == "join_features")["facts"][
        "left_out"
    ]
    assert left_out == {
        "clinical__stage": "known only after the prediction time (from milestone 'surgery' on)"
    }
    assert "from milestone" in (tmp_path / "ct" / "report.html").read_text()
    at_surgery = join(tmp_path / "surgery", outcomes({"a": 30, "b": 30}), ["clinical"])
    assert by_subject(at_surgery, "clinical__stage") == {"a": "II", "b": "II"}


@pytest.mark.parametrize("role", ["post-baseline", "outcome", "time", "event", "id"])
def test_a_column_whose_role_forbids_it_is_refused_by_name_and_role(
    store: ObjectStore, tmp_path: Path, role: str
) -> None:
    recurrence = replace(SEX, name="recurrence", role=role)
    publish(store, PROJECT, "clinical", table([AGE, recurrence], {"a": {0: {"age": 50.0}}}))
    with pytest.raises(InvalidInput, match=rf"clinical__recurrence' has role '{role}'"):
        join(tmp_path, outcomes({"a": 1}), ["clinical"])
    assert not (tmp_path / "joined").exists()


def test_every_subject_is_explained(store: ObjectStore, tmp_path: Path) -> None:
    ages = {name: {0: {"age": 50.0}} for name in ("both", "imageless", "silent", "other")}
    publish(store, PROJECT, "clinical", table([AGE], ages))
    early = radiomics({"both": 1, "other": 1}, [rejected("imageless"), rejected("ghost")])
    publish(store, PROJECT, "radiomics", early)
    publish(store, PROJECT, "radiomics", radiomics({"late": 1}, at=90))
    lost = [
        rejected("silent", "no last date", step="ingest_clinical"),
        rejected("nobody", step="ingest_clinical"),
    ]
    wanted = outcomes({"both": 1, "imageless": 1, "late": 1, "unknown": 1}, lost)
    joined = join(tmp_path, wanted, ["clinical", "radiomics"])
    assert joined.subjects == ["both", "imageless"]
    assert by_subject(joined, "radiomics__volume") == {"both": 1.0, "imageless": None}
    no, later = "neither a row nor a verdict", "2001-04-01 00:00 on, after 2001-01-02 00:00"
    found = {entry.item: said(joined, entry.item)[-1] for entry in joined.entries}
    lacks, needs, known = (
        "a view may know nothing of a subject",
        "has an outcome",
        "is known at the prediction time",
    )
    assert found == {
        "both": ("ok", "joined", "clinical, radiomics"),
        "imageless": ("ok", lacks, "radiomics: extract_radiomics: has a mask (no mask)"),
        "silent": ("rejected", needs, "outcomes: ingest_clinical: has a mask (no last date)"),
        "other": ("excluded", needs, f"outcomes: {no}"),
        "late": ("rejected", known, f"clinical: {no}; radiomics knows it only from {later}"),
        "unknown": ("rejected", known, f"clinical: {no}; radiomics: {no}"),
        "ghost": ("rejected", "has a mask", "no mask"),
        "nobody": ("rejected", "has a mask", "no mask"),
    }  # fmt: skip
    page = (tmp_path / "report.html").read_text()
    for text in ("clinical, radiomics", "with time and event", "ghost"):
        assert text in page


def test_an_outcome_that_is_not_known_is_no_outcome(store: ObjectStore, tmp_path: Path) -> None:
    publish(store, PROJECT, "radiomics", radiomics({"a": 1, "b": 2}))
    wanted = outcomes({"a": 1, "b": 1})
    rows = [{**row, "dead": None} if row["subject_id"] == "b" else row for row in wanted.rows]
    joined = join(tmp_path, replace(wanted, rows=rows), ["radiomics"])
    assert joined.subjects == ["a"]
    assert said(joined, "b") == [("rejected", "has an outcome", "its outcome lacks event")]


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ([], "each once"),
        (["radiomics", "radiomics"], "each once"),
        (["radiomics", "pathology"], r"no feature view 'pathology'; it has \['radiomics'\]"),
    ],
)
def test_views_that_cannot_be_are_refused(
    store: ObjectStore, tmp_path: Path, views: list[str], message: str
) -> None:
    publish(store, PROJECT, "radiomics", radiomics({"a": 1}))
    with pytest.raises(InvalidInput, match=message):
        join(tmp_path, outcomes({"a": 1}), views)


def test_outcomes_that_nobody_knows_anything_of_are_refused(store: ObjectStore, tmp_path: Path) -> None:
    publish(store, PROJECT, "radiomics", radiomics({"a": 1}))
    with pytest.raises(InvalidInput, match="name subjects alike"):
        join(tmp_path, outcomes({"A": 1}), ["radiomics"])
    twice = replace(outcomes({"a": 1}), rows=[*outcomes({"a": 1}).rows, *outcomes({"a": 2}).rows])
    with pytest.raises(InvalidInput, match="one row per subject"):
        join(tmp_path, twice, ["radiomics"])


def test_the_newest_of_two_publications_joins(store: ObjectStore, tmp_path: Path) -> None:
    many = {f"s{number}": float(number) for number in range(60)}
    for factor in (1, 2, 3):
        publish(
            store, PROJECT, "radiomics", radiomics({name: factor * value for name, value in many.items()})
        )
    joined = join(tmp_path, outcomes(dict.fromkeys(many, 1)), ["radiomics"])
    assert by_subject(joined, "radiomics__volume") == {name: 3 * value for name, value in many.items()}


def test_the_step_says_what_it_published(store: ObjectStore, tmp_path: Path) -> None:
    radiomics({"a": 1}, [Entry(item="b", step="x", verdict="rejected", rule="r")]).save(tmp_path / "table")
    uri = publish_step(tmp_path / "table", view="", project=PROJECT, online="")
    again = publish_step(tmp_path / "table", view="", project=PROJECT, online="")
    assert uri == again
    assert store.exists(f"{uri.removeprefix(store.uri(''))}/features.parquet")
    (record,) = read_records(store, "test")
    assert record["reused"]
    assert record["facts"]["view"] == "test.radiomics"
    assert record["verdicts"] == {"ok": 1, "repaired": 0, "rejected": 1}


def test_one_column_says_the_site(store: ObjectStore, tmp_path: Path) -> None:
    publish(store, PROJECT, "clinical", table([AGE, HOSPITAL], {"a": {0: {"age": 50.0, "hospital": "A"}}}))
    wanted = outcomes({"a": 1})
    rows = [{**row, "hospital": "B"} for row in wanted.rows]
    joined = join(tmp_path, replace(wanted, columns=[*wanted.columns, HOSPITAL], rows=rows), ["clinical"])
    assert joined.only("site").name == "hospital"
    assert by_subject(joined, "hospital") == {"a": "B"}
    assert "another column says the site" in (tmp_path / "report.html").read_text()
