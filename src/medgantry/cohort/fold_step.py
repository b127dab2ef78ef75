"""The steps `plan_folds` and `take_fold`."""

from dataclasses import replace
from pathlib import Path

from medgantry.cohort.cohort import Cohort
from medgantry.cohort.folds import fold_indices, take_fold
from medgantry.steps import step


def plan_folds_step(cohort_folder: Path, *, folds: int) -> list[int]:
    """The indices of the fan-out's tasks; the arguments are the component's."""
    with step("plan_folds") as record:
        indices = fold_indices(Cohort.open(cohort_folder), folds)
        record.facts = {"folds": folds}
        return indices


def take_fold_step(
    cohort_folder: Path, output: Path, *, folds: int, index: int, seed: int, stratify_by: str
) -> None:
    """Write the cohort as one fold sees it; the arguments are the component's."""
    with step("take_fold", iteration=index) as record:
        cohort = Cohort.open(cohort_folder)
        taken = take_fold(cohort, folds=folds, index=index, seed=seed, stratify_by=stratify_by)
        if folds > 1:
            taken = replace(taken, provenance={**taken.provenance, "fold": index, "folds": folds})
        taken.save(output)
        sides = {side: len(taken.side(side)) for side in ("train", "validation", "test")}
        record.facts = {"split_hash": taken.split_hash, **sides}
