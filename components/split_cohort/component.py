"""The component `split_cohort`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def split_cohort(
    cohort: dsl.Input[Cohort],
    divided: dsl.Output[Cohort],
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    stratify_by: str = "",
    assignment: str = "",
    accepted_duplicates: str = "",
):
    """Split a cohort into train, validation and test; groups stay together.

    Args:
        cohort: The cohort.
        validation: Share of the groups for validation.
        test: Share of the groups for test.
        seed: Seeds the draw.
        stratify_by: Target whose mixture every side keeps; empty for none.
        assignment: JSON object of group to side, for groups whose side is given.
        accepted_duplicates: Case ids, separated by commas; copies of an image may be on different sides when both
            cases are named.

    Returns:
        divided: The cohort with its split.
    """
    from pathlib import Path

    from medgantry.cohort.step import split

    split(
        Path(cohort.path),
        Path(divided.path),
        validation=validation,
        test=test,
        seed=seed,
        stratify_by=stratify_by,
        assignment=assignment,
        accepted_duplicates=accepted_duplicates,
    )
