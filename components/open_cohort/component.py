"""The component `open_cohort`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def open_cohort(cohort: dsl.Output[Cohort], uri: str):
    """Bring a cohort that an earlier run made, and check it.

    Args:
        uri: Path or s3:// of the cohort's folder.

    Returns:
        cohort: The cohort.
    """
    from pathlib import Path

    from medgantry.cohort.open_step import open_cohort_step

    open_cohort_step(uri, Path(cohort.path))
