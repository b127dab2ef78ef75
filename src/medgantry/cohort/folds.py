"""Folds of a cross-validation within a split cohort: test stays test."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from medgantry.cohort.cohort import Case, Cohort
from medgantry.cohort.duplicates import find_duplicates
from medgantry.cohort.split import in_strata
from medgantry.errors import InvalidCohort, InvalidInput

_TEST = "test"


def fold_indices(cohort: Cohort, folds: int) -> list[int]:
    """The folds that a cohort can be divided into, counted from 0.

    Raises:
        InvalidInput: With less than one fold.
        InvalidCohort: Without a split, or with fewer groups beside the test side than folds.
    """
    if folds < 1:
        raise InvalidInput(f"At least one fold is needed, got {folds}.")
    if not cohort.is_split:
        raise InvalidCohort("Folds need a cohort with a split.", "Run split_cohort first.")
    count = len({case.group_id for case in cohort.cases if case.split != _TEST})
    if folds > 1 and count < folds:
        raise InvalidCohort(
            f"{count} groups beside the test side can't be divided into {folds} folds.",
            "Use fewer folds, or a smaller test side.",
        )
    return list(range(folds))


def take_fold(cohort: Cohort, *, folds: int, index: int, seed: int, stratify_by: str = "") -> Cohort:
    """Divide what is not for test into folds by group, and let one of them be the validation side.

    Groups are drawn as `split_cohort` draws them and dealt out in turn, so that each fold gets its share of every stratum.
    Groups that hold copies of one image stay together.

    Args:
        cohort: With a split.
        folds: How many; with one fold the cohort's own split stays.
        index: Of the fold that validates, counted from 0.
        seed: Of the draw.
        stratify_by: A target of the cases whose mixture every fold keeps; empty for none.

    Raises:
        InvalidInput: If there is no such fold.
        InvalidCohort: If the cohort can't be divided so.
    """
    if index not in fold_indices(cohort, folds):
        raise InvalidInput(f"There are folds 0 to {folds - 1}, no fold {index}.")
    if folds == 1:
        return cohort
    rest = [case for case in cohort.cases if case.split != _TEST]
    together = _copies_together(cohort, rest)
    blocks: dict[str, list[Case]] = defaultdict(list)
    for case in rest:
        blocks[together[case.group_id]].append(case)
    if len(blocks) < folds:
        raise InvalidCohort(
            f"{len(blocks)} sets of groups without common images can't be divided into {folds} folds.",
            "Use fewer folds.",
        )
    validating = set(in_strata(blocks, seed, stratify_by)[index::folds])

    def side(case: Case) -> str:
        if case.split == _TEST:
            return _TEST
        return "validation" if together[case.group_id] in validating else "train"

    return replace(cohort, cases=[replace(case, split=side(case)) for case in cohort.cases])


def _copies_together(cohort: Cohort, cases: list[Case]) -> Mapping[str, str]:
    """Group -> the first group by name of those that it shares an image with, directly or through others."""
    ids = {case.case_id for case in cases}
    part = replace(cohort, cases=cases, files=[file for file in cohort.files if file.case_id in ids])
    group_of = {case.case_id: case.group_id for case in cases}
    first = {group: group for group in group_of.values()}
    found = find_duplicates(part, first)
    for pair in found.pairs.tolist():
        one, other = sorted(first[group_of[found.case_ids[place]]] for place in pair)
        first = {group: one if name == other else name for group, name in first.items()}
    return first
