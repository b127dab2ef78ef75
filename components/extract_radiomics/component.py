"""The component `extract_radiomics`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort, FeaturePlan, FeatureReceipt


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def extract_radiomics(
    plan: dsl.Input[FeaturePlan],
    cohort: dsl.Input[Cohort],
    receipt: dsl.Output[FeatureReceipt],
    index: int,
):
    """Compute the radiomics of one task's cases; what was computed before is taken as it is.

    Args:
        plan: Which case goes to which task.
        cohort: The cohort the plan is of.
        index: The task.

    Returns:
        receipt: Features or a verdict for every case and region.
    """
    from pathlib import Path

    from medgantry.features.radiomics.step import extract

    extract(Path(plan.path), Path(cohort.path), Path(receipt.path), index=int(index))
