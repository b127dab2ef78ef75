"""The component `take_fold`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def take_fold(
    cohort: dsl.Input[Cohort],
    taken: dsl.Output[Cohort],
    folds: int,
    index: int,
    seed: int = 0,
    stratify_by: str = "",
):
    """Let one fold of a cohort be its validation side; the test side stays as it is.

    Args:
        cohort: With a split.
        folds: How many folds the other sides are divided into; 1 for the split as it is.
        index: The fold that validates, counted from 0.
        seed: Seeds the draw.
        stratify_by: Target whose mixture every fold keeps; empty for none.

    Returns:
        taken: The cohort, split as this fold sees it.
    """
    from pathlib import Path

    from medgantry.cohort.fold_step import take_fold_step

    folders = Path(cohort.path), Path(taken.path)
    take_fold_step(*folders, folds=folds, index=index, seed=seed, stratify_by=stratify_by)
