"""Which subgroups a cohort has, and when one gets a number."""

import pytest

from medgantry.cohort import Case
from medgantry.evaluation.subgroups import LEAST_GROUPS, age_band, of_cases, subgroup_table, subgroups
from medgantry.statistics.mean import clustered_mean


def cases(*targets):
    return [
        Case(case_id=f"case-{number}", group_id=f"group-{number}", targets=known)
        for number, known in enumerate(targets)
    ]


def named(found):
    return {key: sorted(members) for key, members in found.items()}


@pytest.mark.parametrize(
    ("value", "band"),
    [
        ("0", ""),
        ("0.0", ""),
        ("-3", ""),
        ("", ""),
        ("unknown", ""),
        ("nan", ""),
        ("inf", ""),
        ("130", ""),
        ("0.5", "under 30"),
        ("29.9", "under 30"),
        ("30", "30 to 44"),
        ("30.0", "30 to 44"),
        ("44.9", "30 to 44"),
        ("45", "45 to 59"),
        ("045Y", "45 to 59"),
        ("59Y", "45 to 59"),
        ("60", "60 to 74"),
        ("75", "75 and over"),
        ("099Y", "75 and over"),
        ("018M", "under 30"),
        ("400M", "30 to 44"),
    ],
)
def test_an_age_lies_in_the_band_that_holds_it(value, band):
    assert age_band(value) == band


def test_ages_become_bands_and_what_is_not_known_is_a_subgroup_too():
    found = named(subgroups(cases({"age": "85"}, {"age": "29.9"}, {"age": "0"}, {"age": ""}, {}), target=""))
    assert found == {
        ("age", "under 30"): ["case-1"],
        ("age", "75 and over"): ["case-0"],
        ("age", "unknown"): ["case-2", "case-3", "case-4"],
    }
    assert list(found)[-1] == ("age", "unknown")


def test_every_target_but_the_predicted_one_and_the_label_maps_makes_subgroups():
    known = [
        {"sex": sex, "diagnosis": name, "labels": name, "site": "back"}
        for sex, name in (("male", "nv"), (" female ", "mel"), ("unknown", "nv"), ("", "nv"))
    ]
    found = named(subgroups(cases(*known), target="diagnosis"))
    assert found == {
        ("sex", "female"): ["case-1"],
        ("sex", "male"): ["case-0"],
        ("sex", "unknown"): ["case-2", "case-3"],
    }  # and no site, which is the same for all
    assert ("diagnosis", "nv") in subgroups(cases(*known), target="")


@pytest.mark.parametrize(("values", "is_subgroup"), [(1, False), (2, True), (20, True), (21, False)])
def test_a_target_of_too_many_values_is_a_measurement(values, is_subgroup):
    found = subgroups(cases(*({"site": f"place {number}"} for number in range(values))), target="")
    assert len(found) == (values if is_subgroup else 0)
    ages = subgroups(cases(*({"Age": str(number + 20)} for number in range(50))), target="")
    assert [value for _, value in ages] == ["under 30", "30 to 44", "45 to 59", "60 to 74"]


def rows_of(groups, cases_each=1):
    """Rows about cases that come from so many groups."""
    return [
        {"case_id": f"{group}-{number}", "group_id": group, "value": float(index % 2)}
        for index, group in enumerate(groups)
        for number in range(cases_each)
    ]


def mean(rows):
    return clustered_mean([row["value"] for row in rows], [row["group_id"] for row in rows])


@pytest.mark.parametrize("cases_each", [1, 3])
def test_a_subgroup_of_few_groups_is_listed_without_a_number(cases_each):
    few = rows_of([f"f{number}" for number in range(LEAST_GROUPS - 1)], cases_each)
    enough = rows_of([f"e{number}" for number in range(LEAST_GROUPS)], cases_each)
    groups = {
        ("sex", "female"): {row["case_id"] for row in enough},
        ("sex", "male"): {row["case_id"] for row in few} | {"judged by nobody"},
    }
    first, second = subgroup_table(groups, few + enough, mean)
    wanted = mean(enough)
    assert first == {
        "by": "sex",
        "value": "female",
        "n": LEAST_GROUPS * cases_each,
        "groups": LEAST_GROUPS,
        "estimate": wanted.estimate,
        "low": wanted.low,
        "high": wanted.high,
    }
    nothing = {"estimate": None, "low": None, "high": None}
    assert second == {
        "by": "sex",
        "value": "male",
        "n": (LEAST_GROUPS - 1) * cases_each,
        "groups": LEAST_GROUPS - 1,
        **nothing,
    }


def test_several_rows_of_a_case_are_one_case():
    rows = rows_of([f"g{number}" for number in range(12)])
    twice = [{**row, "region": name} for row in rows for name in ("WT", "ET")]
    (line,) = subgroup_table({("sex", "male"): {row["case_id"] for row in rows}}, twice, mean)
    assert (line["n"], line["groups"]) == (12, 12)


def test_a_measure_that_the_subgroup_does_not_define_is_left_out():
    rows = rows_of([f"g{number}" for number in range(12)])
    (line,) = subgroup_table({("sex", "male"): {row["case_id"] for row in rows}}, rows, lambda _: None)
    assert (line["n"], line["estimate"], line["low"], line["high"]) == (12, None, None, None)


def test_rows_of_cases_keep_their_order():
    rows = rows_of(["a", "b", "c"])
    assert [row["case_id"] for row in of_cases(rows, {"c-0", "a-0", "z"})] == ["a-0", "c-0"]
