import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.column import Column
from medgantry.features.table import FeatureTable
from medgantry.ledger import Entry

THEN, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
AGE = Column(name="age", role="baseline", kind="number", unit="a", modality="clinical")
SEX = Column(name="sex", role="baseline", kind="category", categories=("female", "male"))
DEAD = Column(name="recurrence", role="post-baseline", kind="category", categories=("yes", "no"))


def make(rows: list[dict[str, object]]) -> FeatureTable:
    entries = [Entry(item="a", step="test", verdict="ok", rule="made")]
    return FeatureTable(columns=[AGE, SEX, DEAD], rows=rows, entries=entries, provenance={"from": "a test"})


def row(subject: str, when: datetime = THEN, **values: object) -> dict[str, object]:
    return {"subject_id": subject, "event_timestamp": when, **values}


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = make([row("b", age=61.5), row("a", age=7, sex="female"), row("a", LATER, age=7)])
    table.save(tmp_path / "table")
    found = FeatureTable.open(tmp_path / "table")
    assert found.content_hash == table.content_hash
    assert [(r["subject_id"], r["event_timestamp"], r["age"], r["sex"]) for r in found.rows] == [
        ("a", THEN, 7.0, "female"),
        ("a", LATER, 7.0, None),
        ("b", THEN, 61.5, None),
    ]
    assert found.entries == table.entries
    assert found.columns == table.columns


def test_the_hash_is_of_the_content_whatever_its_order() -> None:
    rows = [row("a", age=7), row("b", age=8)]
    assert make(rows).content_hash == make(rows[::-1]).content_hash
    assert make(rows).content_hash != make([row("a", age=7), row("b")]).content_hash
    assert make(rows).content_hash != make([row("a", age=7), row("b", LATER, age=8)]).content_hash


def test_a_folder_edited_by_hand_is_refused(tmp_path: Path) -> None:
    make([row("a", age=7)]).save(tmp_path / "one")
    make([row("a", age=8)]).save(tmp_path / "two")
    (tmp_path / "one" / "features.parquet").write_bytes((tmp_path / "two" / "features.parquet").read_bytes())
    with pytest.raises(InvalidInput, match="edited by hand"):
        FeatureTable.open(tmp_path / "one")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"age": math.nan}, "finite number"),
        ({"age": math.inf}, "finite number"),
        ({"age": "old"}, "finite number"),
        ({"sex": "Female"}, "one of"),
    ],
)
def test_a_value_that_its_column_does_not_allow_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        make([row("a", **values)])


def test_a_subject_has_one_row_per_time() -> None:
    with pytest.raises(InvalidInput, match="one row per time"):
        make([row("a", age=1), row("a", age=2)])


def test_only_baseline_columns_are_features() -> None:
    table = make([row("a", age=1)])
    assert [column.name for column in table.features()] == ["age", "sex"]
    assert table.chosen(["sex"]) == [SEX]
    with pytest.raises(InvalidInput, match=r"'recurrence' has role 'post-baseline'"):
        table.chosen(["age", "recurrence"])
    with pytest.raises(InvalidInput, match="no columns"):
        table.chosen(["weight"])


def test_a_role_is_one_of_a_list() -> None:
    with pytest.raises(InvalidInput, match="role"):
        Column(name="age", role="feature", kind="number")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="kind"):
        Column(name="age", role="baseline", kind="int")  # type: ignore[arg-type]


def test_a_role_that_must_be_there_once() -> None:
    table = make([row("a", age=1)])
    assert table.only("post-baseline") == DEAD
    with pytest.raises(InvalidInput, match="role 'time'"):
        table.only("time")
