"""Folds: pure, by group, stratified, and never the test side."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.cohort import Case, Cohort, File
from medgantry.cohort.folds import fold_indices, take_fold
from medgantry.errors import InvalidCohort, InvalidInput


def make_cohort(groups: int, *, test: int = 2, sizes: tuple[int, ...] = (1, 2)) -> Cohort:
    cases = []
    for number in range(groups + test):
        side = "test" if number < test else "validation" if number == test else "train"
        for part in range(sizes[number % len(sizes)]):
            cases.append(
                Case(
                    case_id=f"case-{number:03d}-{part}",
                    group_id=f"group-{number:03d}",
                    split=side,
                    targets={"kind": "abc"[number % 3]},
                )
            )
    return Cohort(cases=cases, files=[], entries=[], channels=["CT"], label_map={}, regions={})


@settings(deadline=None)  # a loaded machine is slow
@given(groups=st.integers(5, 30), folds=st.integers(2, 5), seed=st.integers(0, 5))
def test_every_case_outside_test_validates_exactly_once(groups: int, folds: int, seed: int) -> None:
    cohort = make_cohort(groups)
    taken = [take_fold(cohort, folds=folds, index=index, seed=seed) for index in fold_indices(cohort, folds)]
    validated = Counter(case_id for fold in taken for case_id in fold.side("validation"))
    assert set(validated.values()) == {1}
    assert set(validated) == {case.case_id for case in cohort.cases if case.split != "test"}
    for fold in taken:
        assert fold.side("test") == cohort.side("test")
        assert fold.side("train")
        assert fold.cohort_hash == cohort.cohort_hash
        assert len({case.group_id for case in fold.cases if case.split == "validation"}) in {
            groups // folds,
            -(-groups // folds),
        }
    assert len({fold.split_hash for fold in taken}) == folds


def test_folds_are_a_pure_function_that_a_seed_changes() -> None:
    cohort = make_cohort(12)
    turned = replace(cohort, cases=list(reversed(cohort.cases)))
    found = take_fold(cohort, folds=3, index=1, seed=4)
    assert take_fold(turned, folds=3, index=1, seed=4).split_hash == found.split_hash
    assert take_fold(cohort, folds=3, index=1, seed=5).split_hash != found.split_hash


def test_folds_keep_the_mixture_of_a_target() -> None:
    cohort = make_cohort(18, sizes=(1,))
    for index in range(3):
        fold = take_fold(cohort, folds=3, index=index, seed=0, stratify_by="kind")
        kinds = Counter(case.targets["kind"] for case in fold.cases if case.split == "validation")
        assert set(kinds.values()) == {2}


def test_one_fold_is_the_split_as_it_was() -> None:
    cohort = make_cohort(3)
    assert take_fold(cohort, folds=1, index=0, seed=9) is cohort


def test_copies_of_an_image_are_never_torn() -> None:
    cohort = make_cohort(8, sizes=(1,))
    names = [case.case_id for case in cohort.cases]
    # Groups 2 and 5 share an image, so do 5 and 8.
    contents = {names[2]: ["a"], names[5]: ["a", "b"], names[8]: ["b"]}
    files = [
        File(
            case_id=name,
            role="image",
            channel="CT",
            channel_index=-1,
            uri="",
            format="nii",
            sha256=sha256,
            shape=(1, 1, 1),
            spacing_mm=(1, 1, 1),
            orientation="RAS",
        )
        for name in names
        for sha256 in contents.get(name, [name])
    ]
    cohort = replace(cohort, files=files)
    for seed in range(10):
        sides = [
            {case.case_id: case.split for case in take_fold(cohort, folds=3, index=index, seed=seed).cases}
            for index in range(3)
        ]
        assert all(len({side[names[number]] for number in (2, 5, 8)}) == 1 for side in sides)


def test_what_cannot_be_divided_is_refused() -> None:
    cohort = make_cohort(3)
    with pytest.raises(InvalidCohort, match=r"3 groups .* 4 folds"):
        fold_indices(cohort, 4)
    with pytest.raises(InvalidInput, match="At least one fold"):
        fold_indices(cohort, 0)
    with pytest.raises(InvalidInput, match="no fold 3"):
        take_fold(cohort, folds=3, index=3, seed=0)
    unsplit = replace(cohort, cases=[replace(case, split="") for case in cohort.cases])
    with pytest.raises(InvalidCohort, match=r"needs? a cohort with a split"):
        take_fold(unsplit, folds=2, index=0, seed=0)
