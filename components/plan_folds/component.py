"""The component `plan_folds`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def plan_folds(cohort: dsl.Input[Cohort], folds: int = 5) -> list[int]:
    """List the folds that a cohort is divided into.

    Args:
        cohort: With a split.
        folds: How many; 1 for the split as it is.

    Returns:
        Output: The indices of the folds, to fan out over.
    """
    from pathlib import Path

    from medgantry.cohort.fold_step import plan_folds_step

    return plan_folds_step(Path(cohort.path), folds=folds)
