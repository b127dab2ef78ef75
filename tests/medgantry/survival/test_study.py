from dataclasses import replace
from typing import Any

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.table import FeatureTable
from medgantry.ledger import Entry, counts
from medgantry.survival.study import Study, choose_columns
from tests.medgantry.survival.cohorts import columns, table


def changed(place: int, **values: Any) -> FeatureTable:
    made = table(20)
    rows = [dict(row) | (values if index == place else {}) for index, row in enumerate(made.rows)]
    return replace(made, rows=rows)


def study_of(made: FeatureTable) -> Study:
    return Study.of(made, choose_columns(made, "", "surgery"))


def test_subjects_are_taken_with_their_modalities() -> None:
    made = study_of(table(20))
    assert list(made.blocks) == ["clinical", "radiomics", "expression"]
    assert list(made.candidates()) == ["pooled", "clinical", "radiomics", "expression"]
    assert len(made.subjects) == 20
    assert (~made.blocks["expression"].present).sum() == 2
    assert made.blocks["clinical"].present.all()


@pytest.mark.parametrize(
    ("values", "rule", "evidence"),
    [
        ({"days": 0.0}, "the time from the origin is positive", "it is 0 days"),
        ({"days": -3.0}, "the time from the origin is positive", "it is -3 days"),
        ({"days": None}, "the time from the origin is positive", "it is missing"),
        ({"died": None}, "whether the event was seen is known", "it is missing"),
        (
            {column.name: None for column in columns() if column.role == "baseline"},
            "at least one feature is known",
            "all are missing",
        ),
    ],
)
def test_who_cannot_be_learnt_from_is_rejected_with_the_reason(
    values: dict[str, Any], rule: str, evidence: str
) -> None:
    made = study_of(changed(4, **values))
    assert "P004" not in made.subjects
    rejected = [entry for entry in made.entries if entry.verdict == "rejected"]
    assert [(entry.item, entry.rule, entry.evidence) for entry in rejected] == [("P004", rule, evidence)]
    assert rejected[0].remedy
    assert counts(made.entries) == {"ok": 19, "repaired": 0, "rejected": 1}


def test_the_ledger_is_carried_on() -> None:
    earlier = Entry(item="P999", step="join_features", verdict="rejected", rule="has an outcome")
    made = study_of(replace(table(20), entries=[earlier]))
    assert made.entries[0] == earlier
    assert counts(made.entries)["rejected"] == 1


def test_a_column_known_after_the_outcome_is_refused_with_name_and_role() -> None:
    with pytest.raises(InvalidInput, match="'clinical__chemotherapy' has role 'post-baseline'"):
        choose_columns(table(20), "clinical__age,clinical__chemotherapy", "surgery")
    with pytest.raises(InvalidInput, match="'days' has role 'time'"):
        choose_columns(table(20), "days", "")


@pytest.mark.parametrize("names", ["", "clinical__age, clinical__stage"])
def test_a_column_known_only_after_a_later_milestone_is_refused_by_name(names: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"before any milestone; 1 are known only later: 'clinical__stage' \(after surg"
    ):
        choose_columns(table(20), names, "")
    assert choose_columns(table(20), names, "surgery")["clinical"][1].name == "clinical__stage"


def test_named_columns_are_the_features() -> None:
    chosen = choose_columns(table(20), "radiomics__1, clinical__age", "")
    assert {modality: [c.name for c in each] for modality, each in chosen.items()} == {
        "clinical": ["clinical__age"],
        "radiomics": ["radiomics__1"],
    }
    one = choose_columns(table(20), "radiomics__1", "")
    assert list(Study.of(table(20), one).candidates()) == ["radiomics"]


def test_tables_that_are_no_study_are_refused() -> None:
    made = table(20)
    strange = [
        replace(column, modality="") if column.name == "clinical__age" else column for column in columns()
    ]
    with pytest.raises(InvalidInput, match=r"'clinical__age'\] are of none"):
        choose_columns(replace(made, columns=strange), "", "surgery")
    with pytest.raises(InvalidInput, match="no features"):
        choose_columns(replace(made, columns=columns()[:2]), "", "")
    with pytest.raises(InvalidInput, match="must be 0 or 1, found 2"):
        study_of(changed(4, died=2.0))
    later = dict(made.rows[0]) | {"event_timestamp": made.rows[0]["event_timestamp"].replace(year=2021)}
    with pytest.raises(InvalidInput, match="21 rows of 20 subjects"):
        study_of(replace(made, rows=[*made.rows, later]))
