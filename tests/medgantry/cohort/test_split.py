import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.cohort import Case, Cohort
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


PUBLISHED = {
    "nv": (6705, 5403), "mel": (1113, 614), "bkl": (1099, 727), "bcc": (514, 327),
    "akiec": (327, 228), "vasc": (142, 98), "df": (115, 73),
}  # fmt: skip
"""HAM10000: images and lesions of each class."""
SEVERAL = 1956
"""Its lesions that have more than one image."""


@pytest.fixture(scope="module")
def ham10000() -> Cohort:
    """As many images and lesions of each class as were published, and as many lesions with several images."""
    extra = {name: images - lesions for name, (images, lesions) in PUBLISHED.items()}
    several = {name: round(SEVERAL * count / sum(extra.values())) for name, count in extra.items()}
    several["nv"] += SEVERAL - sum(several.values())
    cases: list[Case] = []
    for name, (images, lesions) in PUBLISHED.items():
        sizes = [2] * several[name] + [1] * (lesions - several[name])
        for place, more in zip(range(several[name]), itertools.cycle((4, 1, 2, 1, 1)), strict=False):
            sizes[place] += min(more, images - sum(sizes))
        for size in sizes:
            first = len(cases)
            cases += [
                Case(case_id=f"ISIC_{first + n}", group_id=f"HAM_{first}", targets={"diagnosis": name})
                for n in range(size)
            ]
    return replace(_cohort(0), cases=cases)


def _shares(names: Iterable[str]) -> dict[str, float]:
    counts = Counter(names)
    return {name: counts[name] / counts.total() for name in PUBLISHED}


def test_the_generated_table_is_as_published(ham10000: Cohort) -> None:
    sizes = Counter(case.group_id for case in ham10000.cases)
    classes = {case.group_id: case.targets["diagnosis"] for case in ham10000.cases}
    images = Counter(case.targets["diagnosis"] for case in ham10000.cases)
    lesions = Counter(classes.values())
    assert {name: (images[name], lesions[name]) for name in PUBLISHED} == PUBLISHED
    assert (len(ham10000.cases), len(sizes), max(sizes.values())) == (10_015, 7_470, 6)
    assert sum(size > 1 for size in sizes.values()) == SEVERAL


@pytest.mark.parametrize(
    ("seed", "validation", "test"), [(0, 0.2, 0.2), (1, 0.2, 0.2), (2, 0.1, 0.1), (3, 0.15, 0.25)]
)
def test_classes_and_sizes_are_kept_for_images_and_for_lesions(
    ham10000: Cohort, seed: int, validation: float, test: float
) -> None:
    config = SplitConfig(stratify_by="diagnosis", seed=seed, validation=validation, test=test)
    divided = split_cohort(ham10000, config)
    wanted = {"train": 1 - validation - test, "validation": validation, "test": test}
    diagnosis = {case.group_id: case.targets["diagnosis"] for case in divided.cases}
    side_of: dict[str, set[str]] = defaultdict(set)
    for case in divided.cases:
        side_of[case.group_id].add(case.split)
    assert all(len(sides) == 1 for sides in side_of.values())
    all_images = _shares(case.targets["diagnosis"] for case in divided.cases)
    all_lesions = _shares(diagnosis.values())
    for side, share in wanted.items():
        images = [case for case in divided.cases if case.split == side]
        lesions = {case.group_id for case in images}
        assert len(images) / 10_015 == pytest.approx(share, abs=0.01)
        assert len(lesions) / 7_470 == pytest.approx(share, abs=0.01)
        assert _shares(case.targets["diagnosis"] for case in images) == pytest.approx(all_images, abs=0.01)
        assert _shares(diagnosis[lesion] for lesion in lesions) == pytest.approx(all_lesions, abs=0.01)


def test_a_large_split_depends_on_the_seed_and_not_on_the_order_of_rows(ham10000: Cohort) -> None:
    config = SplitConfig(stratify_by="diagnosis")
    divided = split_cohort(ham10000, config)
    shuffled = replace(ham10000, cases=random.Random(0).sample(ham10000.cases, len(ham10000.cases)))
    assert _sides(split_cohort(ham10000, config)) == _sides(divided)
    assert _sides(split_cohort(shuffled, config)) == _sides(divided)
    assert _sides(split_cohort(ham10000, replace(config, seed=1))) != _sides(divided)
