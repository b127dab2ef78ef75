"""The component `merge_predictions`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort, Measurements, PredictionPlan


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def merge_predictions(
    cohort: dsl.Input[Cohort],
    plan: dsl.Input[PredictionPlan],
    receipts: dsl.Input[list[dsl.Dataset]],
    predictions: dsl.Output[Cohort],
    measurements: dsl.Output[Measurements],
    max_rejected: float = 0.2,
):
    """Fold what the tasks predicted into one cohort and one table of measurements.

    Args:
        cohort: The cohort.
        plan: Which case went to which task.
        receipts: What the tasks committed.
        max_rejected: Allowed share of rejected cases, ingest's included.

    Returns:
        predictions: The cohort of the predicted cases with the files that the network gave.
        measurements: Volumes of regions, probabilities of classes or displacements; the sources of each case.
    """
    from pathlib import Path

    from medgantry.predictions.step import merge

    paths = [Path(receipt.path) for receipt in receipts]
    outputs = Path(predictions.path), Path(measurements.path)
    merge(Path(cohort.path), Path(plan.path), paths, *outputs, max_rejected=max_rejected)
