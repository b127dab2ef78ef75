"""The component `plan_radiomics`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort, FeaturePlan


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def plan_radiomics(
    cohort: dsl.Input[Cohort],
    plan: dsl.Output[FeaturePlan],
    settings: str = "",
    regions: str = "",
    channel: str = "",
    min_voxels: int = 64,
) -> list[int]:
    """Deal the cases of a cohort to tasks that compute radiomics.

    Args:
        cohort: Images with label maps.
        settings: pyradiomics' parameter document as JSON, with `setting`, `imageType` and `featureClass`; empty for its
            defaults, 107 features of the original image.
        regions: Names of the cohort's regions with commas between; empty for all.
        channel: Of the images; empty for the only one.
        min_voxels: Least number of voxels of a region.

    Returns:
        plan: Which case goes to which task, and what is computed.
        Output: Indices of the fan-out's tasks.
    """
    from pathlib import Path

    from medgantry.features.radiomics.step import plan as plan_step

    wanted = {"settings": settings, "regions": regions, "channel": channel, "min_voxels": int(min_voxels)}
    return plan_step(Path(cohort.path), Path(plan.path), **wanted)
