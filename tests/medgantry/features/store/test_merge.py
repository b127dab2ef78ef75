"""What a table changes in a view."""

from dataclasses import replace

import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.column import Column
from medgantry.features.store.merge import Change, change, check_schema, merge
from medgantry.features.table import FeatureTable
from tests.medgantry.features.store.tables import AGE, SEX, day, radiomics, rejected, table

NOW, LATER = day(1000), day(2000)


def values(found: FeatureTable) -> dict[str, float]:
    return {row["subject_id"]: row["volume"] for row in found.rows}


def test_the_same_table_again_changes_nothing() -> None:
    first = merge(None, radiomics({"a": 1, "b": 2}), NOW)
    again = merge(first.table, radiomics({"b": 2, "a": 1}), LATER)
    assert again.version == first.version
    assert change(first.table, again.table) == Change(added=0, changed=0, withdrawn=0)


def test_new_values_of_the_same_subject_and_time_are_newer_and_counted() -> None:
    first = merge(None, radiomics({"a": 1, "b": 2}), NOW).table
    second = merge(first, radiomics({"a": 1, "b": 3}), LATER).table
    assert values(second) == {"a": 1, "b": 3}
    assert {row["subject_id"]: row["created_timestamp"] for row in second.rows} == {"a": NOW, "b": LATER}
    assert change(first, second) == Change(added=0, changed=1, withdrawn=0)


def test_another_cohort_is_added() -> None:
    first = merge(None, radiomics({"a": 1}, [rejected("z")]), NOW).table
    second = merge(first, radiomics({"b": 2}), LATER).table
    assert values(second) == {"a": 1, "b": 2}
    assert {entry.item for entry in second.entries} == {"a", "b", "z"}
    assert len(second.provenance["tables"]) == 2
    assert (
        merge(second, radiomics({"a": 1}, [rejected("z")]), LATER).table.content_hash == second.content_hash
    )


@pytest.mark.parametrize(
    "later",
    [radiomics({"a": 1}, [rejected("b")]), radiomics({"a": 1, "b": 2}, at=5)],
    ids=["rejected", "redated"],
)
def test_what_a_table_no_longer_says_of_its_subjects_is_withdrawn(later: FeatureTable) -> None:
    first = merge(None, radiomics({"a": 1, "b": 2}), NOW).table
    second = merge(first, later, LATER).table
    assert [row["event_timestamp"] for row in second.rows] == [row["event_timestamp"] for row in later.rows]
    assert change(first, second).withdrawn == len(first.rows) - (
        len(later.rows) if len(later.rows) == 1 else 0
    )


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([AGE], "sex is missing"),
        ([AGE, SEX, replace(AGE, name="height")], "height is new"),
        ([replace(AGE, unit="mo"), SEX], "age has unit 'mo', not 'a'"),
        ([AGE, replace(SEX, categories=("f", "m"))], "sex has categories"),
        ([replace(AGE, role="post-baseline"), SEX], "age has role 'post-baseline'"),
    ],
)
def test_columns_of_another_meaning_are_refused(columns: list[Column], said: str) -> None:
    known = merge(None, table([AGE, SEX], {"a": {0: {"age": 50.0}}}), NOW).table
    with pytest.raises(Mismatch, match=said) as refused:
        check_schema("clinical", known, table(columns, {"a": {0: {}}}))
    assert "another view name" in refused.value.remedy


def test_other_settings_are_refused_and_another_wording_is_not() -> None:
    known = merge(None, table([AGE], {"a": {0: {}}}, settings={"binWidth": 25}), NOW).table
    with pytest.raises(Mismatch, match="settings has binWidth 10, not 25"):
        check_schema("radiomics", known, table([AGE], {"a": {0: {}}}, settings={"binWidth": 10}))
    reworded = replace(AGE, description="in years")
    check_schema("radiomics", known, table([reworded], {"a": {0: {}}}, settings={"binWidth": 25}))


def test_a_column_of_the_stores_own_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="created_timestamp"):
        merge(None, table([replace(AGE, name="created_timestamp")], {"a": {0: {}}}), NOW)
