import re
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.clinical.role_file import open_roles, parse_roles
from tests.medgantry.features.clinical.example import ROLES


def test_ours_names_the_40_columns_of_nsclc_radiogenomics() -> None:
    roles = open_roles("medgantry:nsclc_radiogenomics")
    assert len(roles.columns) == 40
    assert "Histology " in {column.column for column in roles.columns}
    assert {role: len(roles.of(role)) for role in ("id", "site", "event", "outcome", "post-baseline")} == {
        "id": 1, "site": 1, "event": 1, "outcome": 3, "post-baseline": 8,
    }  # fmt: skip


def test_one_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidInput, match="medgantry:nsclc_radiogenomics"):
        open_roles("medgantry:nothing")


def test_a_role_file_is_read_from_a_path(tmp_path) -> None:
    (tmp_path / "roles.yaml").write_text(ROLES)
    assert open_roles(str(tmp_path / "roles.yaml")).title == "A test"
    with pytest.raises(InvalidInput, match="no file"):
        open_roles(str(tmp_path / "none.yaml"))


def test_the_role_file_of_the_guide_holds() -> None:
    guide = Path(__file__).parents[4] / "docs" / "clinical.md"
    (shown,) = re.findall(r"```yaml\n(.*?)```", guide.read_text(), re.DOTALL)
    assert parse_roles(shown.encode()).title == "A registry"


def test_no_stays_no_and_columns_get_names_of_their_own() -> None:
    columns = "  Sex (m/f): {role: baseline}\n  Sex m f: {role: baseline}\n  1st: {role: baseline}\n  time: {role: baseline}\n"
    roles = parse_roles((ROLES + columns).encode())
    by_column = {column.column: column for column in roles.columns}
    assert by_column["Smoker"].categories == ("No", "Former", "Current")
    assert by_column["Packs"].given[0].equals == "No"
    assert [by_column[name].name for name in ("Sex (m/f)", "Sex m f", "1st", "time")] == [
        "Sex_m_f", "Sex_m_f_2", "c_1st", "time_2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema: medgantry/column-roles/1", "schema: other", "must say `schema: medgantry/column-roles/1`"),
        ("title:", "titel:", r"keys \['titel'\]"),
        ("  Site: {role: site}", "  Site: {role: place}", "'Site'.*'place'"),
        ("  Site: {role: site}", "  Site: {kind: number}", "'Site'.*no role"),
        ("  Site: {role: site}", "  Site: {role: site, colour: red}", r"'Site'.*\['colour'\]"),
        ("  Site: {role: site}", "  Site: {role: site, name: a-b}", "'Site'.*'a-b'"),
        ("  Site: {role: site}", "  Site: {role: site, name: event}", r"names of their own, found \['event'\]"),
        ("  Site: {role: site}", "  Site: {role: site, milestone: surgery}", "'Site'.*milestone"),
        ("  Site: {role: site}", "  Site: {role: id}", "one column of role 'id'"),
        ("ends: {event: Death, censored: Last}", "", "two `ends`"),
        ("ends: {event: Death, censored: Last}", "ends: {event: Death}", "two `ends`"),
        ("ends: {event: Death, censored: Last}", "ends: {event: Age, censored: Last}", "'Age' as a date, found number"),
        ("origin: surgery", "origin: biopsy", "biopsy"),
        ("days: Wait", "days: Weight", "'Weight' as a number, found no such column"),
        ("facets: {Sex: []", "facets: {Chemo: []", r"was known, found \['Chemo'\]"),
        ("range: [18, 120]", "range: [18]", "range"),
        ("range: [18, 120]", "range: 18", "list of texts"),
        ("given: [{when: {Smoker: No}}]", "given: [{when: {Smoker: No, Sex: F}}]", "one column"),
        ("range: [18, 120]", "range: [18, old]", "must be a number, found 'old'"),
        (r">\s*(\d+)", r">\s*\d+", "without a .group."),
        (r">\s*(\d+)", r">\s*(\d+", "no regular expression"),
        ("values: {F: Female, M: Male}", "values: {F: Woman}", "'Woman'"),
        ("values: {Dead: 1, Alive: 0}", "values: {Dead: died}", "flag"),
        ("when: {Smoker: No}, value: 0", "when: {Smoke: No}, value: 0", "'Smoke'"),
        ("{role: event, kind: flag, values: {Dead: 1, Alive: 0}}", "{role: event}", "must be a flag"),
        ("  Site: {role: site}", "  Site: [", "no YAML"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_refused_by_name(old: str, new: str, said: str) -> None:
    assert old in ROLES
    with pytest.raises(InvalidInput, match=said):
        parse_roles(ROLES.replace(old, new).encode())
