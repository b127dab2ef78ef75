"""The component `combine_folds`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def combine_folds(
    cohort: dsl.Input[Cohort],
    bundles: dsl.Input[list[dsl.Model]],
    combined: dsl.Output[Bundle],
    rule: str = "mean",
    test_time_augmentation: str = "none",
):
    """Make one bundle of those that were trained on the folds of a cohort.

    Args:
        cohort: With the split that the folds divide.
        bundles: One trained bundle per fold.
        rule: How answers become one: mean, weighted (by validation score), or vote.
        test_time_augmentation: none, or flips: every member answers for mirror images too.

    Returns:
        combined: The ensemble; of one bundle without test-time augmentation, that bundle.
    """
    from pathlib import Path

    from medgantry.training.combine import combine_folds_step

    paths = [Path(bundle.path) for bundle in bundles]
    settings = {"rule": rule, "test_time_augmentation": test_time_augmentation}
    combine_folds_step(Path(cohort.path), paths, Path(combined.path), **settings)
