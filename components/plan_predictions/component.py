"""The component `plan_predictions`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, PredictionPlan


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def plan_predictions(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    plan: dsl.Output[PredictionPlan],
    split: str = "",
) -> list[int]:
    """Deal the cases of a cohort to tasks that predict.

    Args:
        cohort: With the bundle's channels, or of pairs.
        bundle: A trained bundle.
        split: The side to predict; empty for all cases.

    Returns:
        plan: Which case goes to which task, and what predicts.
        Output: Indices of the fan-out's tasks.
    """
    from pathlib import Path

    from medgantry.predictions.step import plan as plan_step

    return plan_step(Path(cohort.path), Path(bundle.path), Path(plan.path), split=split)
