"""The stretch of pipelines that apply a trained bundle: plan, fan out over cases, merge.

A part is a pipeline of its own because KFP does not bring a parameter that only sizes a task into a loop.
"""

from kfp import dsl

from components.merge_predictions import merge_predictions
from components.plan_predictions import plan_predictions
from components.predict_part import predict_part
from medgantry.artifacts import Bundle, Cohort, PredictionPlan, PredictionReceipt
from pipelines.resources import heavy, light, with_retries


@dsl.pipeline(name="prediction-part", description="One task of a prediction plan.")
def prediction_part(
    plan: dsl.Input[PredictionPlan],
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    index: int,
    memory: str,
) -> PredictionReceipt:
    """Predict one task's cases."""
    made = predict_part(plan=plan, cohort=cohort, bundle=bundle, index=index)
    with_retries(heavy(made, memory))
    return made.outputs["receipt"]


@dsl.pipeline(name="predicting", description="A trained bundle over a cohort, in parallel.")
def predicting(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    split: str = "",
    max_rejected: float = 0.2,
    memory: str = "8Gi",
) -> Cohort:
    """From a cohort to one with predictions; their measurements are an artifact of the last step."""
    planned = light(plan_predictions(cohort=cohort, bundle=bundle, split=split))
    with dsl.ParallelFor(planned.outputs["Output"], parallelism=50) as index:
        part = prediction_part(
            plan=planned.outputs["plan"], cohort=cohort, bundle=bundle, index=index, memory=memory
        )
    merged = merge_predictions(
        cohort=cohort,
        plan=planned.outputs["plan"],
        receipts=dsl.Collected(part.output),
        max_rejected=max_rejected,
    )
    light(merged)
    return merged.outputs["predictions"]
