from dataclasses import replace
from datetime import date

import pytest

from medgantry.features.clinical.cell import Cell, read_cells
from medgantry.features.clinical.role_file import parse_roles
from tests.medgantry.features.clinical.example import ROLES, ROW

ROLES_READ = parse_roles(ROLES.encode())
FIVE = ["Not Collected", "Not collected", "Unknown", "Not Assessed", "NA"]


def read(column: str, text: str, **others: str) -> Cell:
    return read_cells(ROLES_READ, {**ROW, column: text, **others})[column]


@pytest.mark.parametrize("spelling", [*FIVE, "", "not  collected", "N/A"])
@pytest.mark.parametrize("column", ["Age", "Sex", "Chemo", "Quit", "Death"])
def test_every_spelling_of_missing_is_missing_and_kept(column: str, spelling: str) -> None:
    roles = replace(ROLES_READ, missing=[*ROLES_READ.missing, "Not Assessed", "NA"])
    cell = read_cells(roles, {**ROW, column: spelling})[column]
    assert (cell.value, cell.state, cell.text) == (None, "missing", spelling)


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("Age", "65", 65.0),
        ("Age", "65.5", 65.5),
        ("Age", "6.5e1", 65.0),
        ("Weight (lbs)", "200.655", 91.01557700235),
        ("Sex", "female", "Female"),
        ("Sex", "M", "Male"),
        ("Site", "far  north", "far north"),
        ("Chemo", "Yes", 1.0),
        ("Status", "alive", 0.0),
        ("Death", "2/3/2001", date(2001, 2, 3)),
        ("Quit", "1990", 1990.0),
    ],
)
def test_values_of_each_kind(column: str, text: str, value: object) -> None:
    cell = read(column, text)
    assert cell.state == "value"
    assert cell.value == pytest.approx(value) if isinstance(value, float) else cell.value == value


@pytest.mark.parametrize(
    ("column", "text", "note"),
    [
        ("Age", "old", "no number"),
        ("Age", "nan", "no number"),
        ("Age", "1_0", "no number"),
        ("Age", "650", "outside of 18 to 120"),
        ("Age", ">17", "outside of 18 to 120"),
        ("Packs", "1e999", "outside of"),
        ("Sex", "Mole", "none of the 2 categories"),
        ("Chemo", "perhaps", "none of the flag's"),
        ("Death", "13/1/2001", "no date like"),
        ("Death", "1/2/97", "no date like"),
        ("Death", "1/2/0197", "before 1900"),
        ("Death", "12/31/9999", "after 2199"),
        ("Quit", "long ago", "no year"),
    ],
)
def test_what_is_no_value_is_odd_with_its_reason_and_never_a_number(
    column: str, text: str, note: str
) -> None:
    cell = read(column, text)
    assert (cell.value, cell.state) == (None, "odd")
    assert note in cell.note


def test_a_declared_reading_reads_mixed_ages() -> None:
    assert read("Age", "> 89") == Cell(text="> 89", value=89.0, state="repaired", note="the limit was taken")


def test_a_structural_zero_is_a_value_and_a_missing_value_is_not() -> None:
    never = read("Packs", "N/A", Smoker="No")
    assert (never.value, never.state, never.note) == (0.0, "given", "Smoker is No")
    former = read("Packs", "N/A", Smoker="Former")
    assert (former.value, former.state) == (None, "missing")
    unknown = read("Packs", "N/A", Smoker="Unknown")
    assert (unknown.value, unknown.state) == (None, "missing")
    assert read("Packs", "0", Smoker="No").state == "value"


def test_a_value_may_not_apply() -> None:
    quit_year = read("Quit", "N/A", Smoker="No")
    assert (quit_year.value, quit_year.state) == (None, "given")


def test_a_value_against_what_is_given_is_not_believed() -> None:
    cell = read("Packs", "30", Smoker="No")
    assert (cell.value, cell.state, cell.note) == (None, "odd", "contradicts that Smoker is No")


def test_a_category_may_be_called_as_missing_is_elsewhere() -> None:
    roles = parse_roles(ROLES.replace("[Female, Male]", "[Female, Male, Unknown]").encode())
    assert read_cells(roles, {**ROW, "Sex": "unknown"})["Sex"].value == "Unknown"
