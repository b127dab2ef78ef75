import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.cohort import Case, Cohort, File
from medgantry.cohort.cohort import SPLITS
from medgantry.cohort.split import SplitConfig, parse_assignment, split_cohort
from medgantry.errors import InvalidCohort, InvalidInput


def _cohort(groups: int, per_group: int = 1, grades: int = 1) -> Cohort:
    return Cohort(
        cases=[
            Case(case_id=f"p{group}-{scan}", group_id=f"p{group}", targets={"grade": str(group % grades)})
            for group in range(groups)
            for scan in range(per_group)
        ],
        files=[],
        entries=[],
        channels=["CT"],
        label_map={"background": 0, "lesion": 1},
        regions={"lesion": ["lesion"]},
    )


def _sides(cohort: Cohort) -> dict[str, str]:
    return {case.case_id: case.split for case in cohort.cases}


@settings(deadline=None, max_examples=150)
@given(st.integers(3, 60), st.integers(1, 3), st.integers(0, 10_000))
def test_groups_stay_together_and_no_side_is_empty(groups: int, per_group: int, seed: int) -> None:
    cohort = _cohort(groups, per_group)
    config = SplitConfig(seed=seed)
    divided = split_cohort(cohort, config)
    sides = defaultdict(set)
    for case in divided.cases:
        sides[case.group_id].add(case.split)
    assert all(len(found) == 1 for found in sides.values())
    assert {side for found in sides.values() for side in found} == set(SPLITS)
    counts = Counter(side for found in sides.values() for side in found)
    assert abs(counts["test"] - 0.2 * groups) <= 1
    assert abs(counts["validation"] - 0.2 * groups) <= 1
    assert divided.cohort_hash == cohort.cohort_hash
    shuffled = replace(cohort, cases=random.Random(seed).sample(cohort.cases, len(cohort.cases)))
    assert _sides(split_cohort(shuffled, config)) == _sides(divided)


@settings(deadline=None, max_examples=300)
@given(st.integers(3, 60), st.floats(0.01, 0.6), st.floats(0.01, 0.6))
def test_any_shares_that_are_allowed_leave_no_side_empty(groups: int, validation: float, test: float) -> None:
    if validation + test >= 1:
        return
    divided = split_cohort(_cohort(groups), SplitConfig(validation=validation, test=test))
    assert {case.split for case in divided.cases} == set(SPLITS)


def test_another_seed_gives_another_split() -> None:
    cohort = _cohort(30)
    one, other = (split_cohort(cohort, SplitConfig(seed=seed)) for seed in (0, 1))
    assert _sides(one) != _sides(other)
    assert one.split_hash != other.split_hash


def test_strata_are_kept_on_every_side() -> None:
    divided = split_cohort(_cohort(100, grades=2), SplitConfig(stratify_by="grade"))
    for side, wanted in (("train", 30), ("validation", 10), ("test", 10)):
        grades = Counter(case.targets["grade"] for case in divided.cases if case.split == side)
        assert abs(grades["0"] - wanted) <= 1
        assert abs(grades["1"] - wanted) <= 1


@pytest.mark.parametrize("groups", [1, 2])
def test_too_few_groups_are_refused_unless_assigned(groups: int) -> None:
    cohort = _cohort(groups)
    with pytest.raises(InvalidCohort, match="split_assignment"):
        split_cohort(cohort, SplitConfig())
    assignment = {f"p{group}": ("train", "test")[group] for group in range(groups)}
    assert _sides(split_cohort(cohort, SplitConfig(assignment=assignment)))["p0-0"] == "train"


def test_the_assignment_wins() -> None:
    assignment = {"p0": "test", "p1": "validation"}
    divided = split_cohort(_cohort(10, 2), SplitConfig(assignment=assignment))
    sides = _sides(divided)
    assert (sides["p0-0"], sides["p0-1"], sides["p1-0"]) == ("test", "test", "validation")


def test_assigned_training_counts_when_empty_sides_are_filled() -> None:
    divided = split_cohort(_cohort(3), SplitConfig(assignment={"p0": "train"}))
    assert {case.split for case in divided.cases} == set(SPLITS)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="p9"):
        split_cohort(_cohort(4), SplitConfig(assignment={"p9": "train"}))
    with pytest.raises(InvalidInput, match="dev"):
        SplitConfig(assignment={"p0": "dev"})
    with pytest.raises(InvalidInput, match="Shares"):
        SplitConfig(validation=0.5, test=0.5)
    with pytest.raises(InvalidInput, match="JSON"):
        parse_assignment("{")
    with pytest.raises(InvalidInput, match="object"):
        parse_assignment("[1]")
    assert parse_assignment("") == {}


def test_equal_images_on_several_sides_leave_evidence() -> None:
    cohort = _cohort(3)
    files = [
        File(
            case_id=case.case_id,
            role="image",
            channel="CT",
            channel_index=-1,
            uri="",
            format="nii",
            sha256="same",
            shape=[1, 1, 1],
            spacing_mm=[1.0, 1.0, 1.0],
            orientation="RAS",
        )
        for case in cohort.cases
    ]
    (entry,) = split_cohort(replace(cohort, files=files), SplitConfig()).entries
    assert "several sides" in entry.rule
    assert "p0-0, p1-0, p2-0" in entry.evidence
