"""The component `evaluate`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, Evaluation


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def evaluate(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    evaluation: dsl.Output[Evaluation],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
    split: str = "test",
    seed: int = 0,
):
    """Judge a trained bundle on cases it has not seen, in source geometry.

    Args:
        cohort: With the split the bundle was trained with, or external.
        bundle: A trained bundle.
        split: The side to judge on.
        seed: Of the untrained network that learning is compared with.

    Returns:
        evaluation: Metrics with intervals, per-case rows, predictions, overlays.
        metrics: Mean Dice per region.
        report: The report.
    """
    from pathlib import Path

    from medgantry.evaluation.step import evaluate_step

    folders = Path(cohort.path), Path(bundle.path), Path(evaluation.path), Path(report.path)
    for name, value in evaluate_step(*folders, split=split, seed=seed).items():
        metrics.log_metric(name, value)
