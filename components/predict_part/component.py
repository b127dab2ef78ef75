"""The component `predict_part`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, PredictionPlan, PredictionReceipt


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def predict_part(
    plan: dsl.Input[PredictionPlan],
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    receipt: dsl.Output[PredictionReceipt],
    index: int,
):
    """Predict one task's cases; what was predicted before is taken as it is.

    Args:
        plan: Which case goes to which task.
        cohort: The cohort the plan is of.
        bundle: The bundle the plan is of.
        index: The task.

    Returns:
        receipt: Answers or a verdict for every case.
    """
    from pathlib import Path

    from medgantry.predictions.step import predict

    folders = (Path(artifact.path) for artifact in (plan, cohort, bundle, receipt))
    predict(*folders, index=int(index))
