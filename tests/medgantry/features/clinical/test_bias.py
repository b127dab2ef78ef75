import pytest

from medgantry.features.clinical.bias import group_bias, groups_of, missing_more
from medgantry.features.clinical.proportions import difference
from medgantry.features.column import Column

SEX = Column(name="sex", role="baseline", kind="category", categories=("female", "male"), source="Sex")
AGE = Column(name="age", role="baseline", kind="number", source="Age")
ROWS = [
    {"subject_id": str(i), "sex": "female" if i < 10 else "male" if i < 38 else None, "age": 40.0 + i, "event": i % 4 == 0}
    for i in range(40)
]  # fmt: skip


def test_each_group_is_compared_with_all_others() -> None:
    female, male, unknown = groups_of(SEX, (), ROWS)
    assert [(g.name, len(g.inside), len(g.others)) for g in (female, male, unknown)] == [
        ("female", 10, 30), ("male", 28, 12), ("not known", 2, 38),
    ]  # fmt: skip
    blanks = {row["subject_id"]: {"age"} if row["sex"] == "female" else set() for row in ROWS}
    found = group_bias(female, blanks)
    assert found.imbalance.value == (30 - 10) / 40
    assert found.positives == difference(7, 30, 3, 10)
    assert found.incomplete == difference(0, 30, 10, 10)
    (more,) = missing_more(female, [AGE, SEX], blanks)
    assert (more.column, more.missing.value) == (AGE, -1)


def test_numbers_are_cut_into_bands() -> None:
    bands = groups_of(AGE, (50, 60), ROWS)
    assert [(g.name, len(g.inside)) for g in bands] == [
        ("below 50", 10), ("50 to below 60", 10), ("60 and above", 20),
    ]  # fmt: skip


def test_one_group_has_nobody_to_be_compared_with() -> None:
    assert groups_of(SEX, (), ROWS[:5]) == []


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_flags_are_groups(value: float) -> None:
    flag = Column(name="flag", role="baseline", kind="number", source="Flag")
    rows = [{"subject_id": str(i), "flag": float(i < 5), "event": False} for i in range(9)]
    assert f"{value:g}" in [group.name for group in groups_of(flag, (), rows)]
