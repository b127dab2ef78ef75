from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.clinical.leakage import suspicions
from medgantry.features.clinical.report import clinical_page
from medgantry.features.subjects import Subjects
from medgantry.features.table import ALWAYS
from medgantry.ingest.dicom.names import KeyedNames
from medgantry.ledger import Entry, counts
from tests.medgantry.features.clinical.example import ROLES, ROW, summarised

GIVEN_TIME = """
schema: medgantry/column-roles/1
milestones: {start: {}}
origin: start
columns:
  ID: {role: id}
  Months: {role: time, kind: number, unit: d, written_in: mo, factor: 30.4375}
  Dead: {role: event, kind: flag}
  Age: {role: baseline, kind: number, optional: true}
"""


def about(entries: list[Entry], item: str, verdict: str) -> list[str]:
    return [f"{e.rule}: {e.evidence}" for e in entries if (e.item, e.verdict) == (item, verdict)]


def test_a_row_at_each_milestone_says_what_was_known_then() -> None:
    imaging, surgery = summarised([ROW]).features.rows
    assert imaging["event_timestamp"] == datetime(2001, 1, 1, tzinfo=UTC)
    assert surgery["event_timestamp"] == datetime(2001, 1, 11, tzinfo=UTC)
    assert (imaging["Age"], imaging.get("Stage"), imaging.get("Quit"), imaging.get("Wait")) == (
        65,
        None,
        None,
        None,
    )
    assert (surgery["Age"], surgery["Stage"], surgery["Quit"], surgery["Wait"]) == (65, "T1", 11, 10)


def test_milestones_on_one_day_are_one_row() -> None:
    (only,) = summarised([ROW | {"Wait": "0"}]).features.rows
    assert (only["Age"], only["Stage"]) == (65, "T1")


def test_columns_say_what_they_mean() -> None:
    columns = summarised([ROW, ROW | {"ID": "b", "Site": "south"}])
    features, outcomes = columns.features.by_name, columns.outcomes.by_name
    assert (features["Weight"].unit, features["Weight"].source) == ("kg", "Weight (lbs)")
    assert "[lb_av]" in features["Weight"].description
    assert features["Site"].categories == ("north", "south")
    assert features["Smoker"].categories == ("No", "Former", "Current")
    assert (features["Stage"].milestone, features["Age"].milestone) == ("surgery", "")
    assert {column.modality for column in (*features.values(), *outcomes.values())} == {"clinical"}
    assert outcomes["Death"].description == "Days from surgery."


def test_time_counts_from_the_origin_to_the_event_or_the_last_sight() -> None:
    alive = ROW | {"ID": "b", "Status": "Alive", "Death": "N/A", "Days": "N/A"}
    dead, censored = summarised([ROW, alive]).outcomes.rows
    assert (dead["time"], dead["event"], dead["Death"], dead["CT"]) == (20, 1, 20, -10)
    assert (censored["time"], censored["event"], censored["Death"]) == (9, 0, None)
    assert dead["event_timestamp"] == datetime(2001, 1, 11, tzinfo=UTC)


def test_a_given_time_that_disagrees_is_told_with_the_date_it_counts_to() -> None:
    found = summarised([ROW | {"Days": "9"}])
    assert found.outcomes.rows[0]["time"] == 20
    assert found.outcomes.rows[0]["Days"] == 9
    (told,) = about(found.outcomes.entries, "a", "repaired")
    assert "Days equals the computed time: 9 days are given, 20 computed" in told
    assert "9 is the time to Last" in told


@pytest.mark.parametrize(
    ("change", "evidence"),
    [
        ({"Status": "Unknown"}, "no event status: Status is missing"),
        ({"Status": "gone"}, "no event status: Status is odd"),
        ({"Death": "N/A"}, "no Death: Death is missing"),
        ({"Death": "1/10/2001"}, "the time ends 1 days before surgery"),
        ({"Status": "Alive", "Last": ""}, "yet there is a Death"),
        ({"Status": "Alive", "Death": "", "Last": ""}, "no Last: Last is missing"),
        ({"Wait": ""}, "no date of surgery: Wait is missing"),
        ({"CT": "soon"}, "no date of surgery: CT is odd"),
    ],
)  # fmt: skip
def test_who_has_no_usable_outcome_is_rejected_with_the_reason(change: dict[str, str], evidence: str) -> None:
    found = summarised([ROW | change, ROW | {"ID": "b"}])
    (told,) = about(found.outcomes.entries, "a", "rejected")
    assert evidence in told
    assert [row["subject_id"] for row in found.outcomes.rows] == ["b"]
    assert counts(found.outcomes.entries) == {"ok": 1, "repaired": 0, "rejected": 1}


def test_who_has_no_date_at_all_is_rejected_from_both_tables() -> None:
    found = summarised([ROW | {"CT": ""}])
    assert (found.features.rows, found.outcomes.rows) == ([], [])
    (told,) = about(found.features.entries, "a", "rejected")
    assert "no date of imaging, surgery" in told


def test_what_cannot_be_placed_in_time_is_left_out_and_told() -> None:
    found = summarised([ROW | {"Wait": ""}])
    (row,) = found.features.rows
    assert (row["Age"], row.get("Stage")) == (65, None)
    (told,) = about(found.features.entries, "a", "repaired")
    assert "no date of surgery" in told


def test_the_event_on_the_day_of_the_origin_counts_half_a_day() -> None:
    found = summarised([ROW | {"Death": "1/11/2001", "Days": "0"}])
    assert len(about(found.outcomes.entries, "a", "repaired")) == 1
    assert found.outcomes.rows[0]["time"] == 0.5
    assert "half a day" in about(found.outcomes.entries, "a", "repaired")[0]


def test_rows_without_an_id_and_subjects_with_several_are_rejected() -> None:
    found = summarised([ROW, ROW | {"ID": ""}, ROW | {"ID": "b"}, ROW | {"ID": " b"}])
    for table in (found.features, found.outcomes):
        assert table.subjects == ["a"]
        assert about(table.entries, "row 3", "rejected") == ["a row is of one subject: no ID"]
        assert about(table.entries, "b", "rejected") == ["a subject has one row: rows 4, 5 have its id"]


def test_every_cell_without_a_value_is_in_the_ledger() -> None:
    odd = ROW | {
        "Age": ">89",
        "Sex": "?",
        "Packs": "",
        "Recurrence": "13/13/2001",
        "Smoker": "No",
        "Quit": "N/A",
    }
    found = summarised([odd])
    assert about(found.features.entries, "a", "repaired") == [
        "a cell is a value or a code for missing: Age is '>89': the limit was taken; read as 89",
        "a cell is a value or a code for missing: Sex is '?': none of the 2 categories; it counts as missing",
    ]
    (account,) = about(found.features.entries, "a", "ok")
    assert account.endswith("given: Packs = 0: Smoker is No, Quit does not apply: Smoker is No")
    assert "13/13/2001" in about(found.outcomes.entries, "a", "repaired")[0]
    assert found.features.rows[0]["Sex"] is None


def test_what_came_after_is_refused_as_a_feature_with_its_name_and_role() -> None:
    found = summarised([ROW])
    for name, role in (
        ("Chemo", "post-baseline"),
        ("Death", "outcome"),
        ("time", "time"),
        ("event", "event"),
    ):
        with pytest.raises(InvalidInput, match=f"'{name}' has role '{role}'"):
            found.outcomes.chosen([name])
    with pytest.raises(InvalidInput, match="'Site' has role 'site'"):
        found.features.chosen(["Age", "Site"])
    assert {column.role for column in found.features.features()} == {"baseline"}


def test_pseudonyms_are_those_of_the_images_and_dates_move_with_them() -> None:
    pseudonyms = Pseudonyms(b"0123456789abcdef")
    plain, moved = summarised([ROW]), summarised([ROW], subjects=Subjects(KeyedNames(pseudonyms)))
    assert moved.outcomes.subjects == moved.features.subjects == [pseudonyms.patient("a")]
    for one, other in ((plain.features, moved.features), (plain.outcomes, moved.outcomes)):
        for row, again in zip(one.rows, other.rows, strict=True):
            assert again["event_timestamp"] - row["event_timestamp"] == pseudonyms.shift("a")
            keys = {"subject_id", "event_timestamp"}
            assert {k: v for k, v in row.items() if k not in keys} == {
                k: v for k, v in again.items() if k not in keys
            }


def test_with_pseudonyms_no_text_of_a_cell_is_told() -> None:
    secret = ROW | {"Age": "Jane Doe 7", "Death": "1/31/01", "ID": "Jane"}
    found = summarised([secret], subjects=Subjects(KeyedNames(Pseudonyms(b"0123456789abcdef"))))
    said = " ".join(f"{e.item} {e.evidence}" for e in [*found.features.entries, *found.outcomes.entries])
    assert "'a a 9'" in said
    assert "'9/9/9'" in said
    assert "Jane" not in said
    assert "1/31" not in said


def test_columns_nobody_named_and_columns_that_are_not_there_are_refused() -> None:
    with pytest.raises(Mismatch, match=r"lacks \['Age'\], and has besides \['Aeg'\].*optional: true"):
        summarised([{("Aeg" if name == "Age" else name): value for name, value in ROW.items()}])
    optional = ROLES.replace("Age:\n    role", "Age:\n    optional: true\n    role")
    found = summarised([{name: value for name, value in ROW.items() if name != "Age"}], optional)
    assert found.features.rows[0]["Age"] is None


def test_a_table_may_give_the_time_itself_and_no_dates() -> None:
    rows = [
        {"ID": "a", "Months": "12", "Dead": "1", "Age": "60"},
        {"ID": "b", "Months": "?", "Dead": "0", "Age": "61"},
    ]
    found = summarised(rows, GIVEN_TIME, Subjects(KeyedNames(Pseudonyms(b"0123456789abcdef"))))
    (row,) = found.outcomes.rows
    assert (row["time"], row["event"], row["event_timestamp"]) == (365.25, 1, ALWAYS)
    assert len(found.features.rows) == 2
    assert counts(found.outcomes.entries) == {"ok": 1, "repaired": 0, "rejected": 1}


CELLS = st.sampled_from(
    ["", "N/A", "0", "-7", "1e300", "Dead", "No", "1/1/2001", "12/31/2199", "2/30/2000", "\x00", "é"]
)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.fixed_dictionaries({name: st.one_of(st.just(ROW[name]), CELLS) for name in ROW}), min_size=1)
)
def test_whatever_the_cells_say_every_subject_has_its_verdicts(rows: list[dict[str, str]]) -> None:
    found = summarised(rows)
    subjects = {record.subject for record in found.reading.records} | set(found.reading.refused)
    for table in (found.features, found.outcomes):
        rejected = {entry.item for entry in table.entries if entry.verdict == "rejected"}
        assert {entry.item for entry in table.entries} == subjects
        assert set(table.subjects) == subjects - rejected
    clinical_page(found, suspicions(found.features.features(), found.rows))
