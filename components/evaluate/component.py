"""The component `evaluate`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Champion, Cohort, Evaluation


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def evaluate(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    evaluation: dsl.Output[Evaluation],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
    champion: dsl.Input[Champion] = None,
    split: str = "test",
    seed: int = 0,
):
    """Judge a trained bundle on cases it has not seen, in source geometry, beside the champion.

    Args:
        cohort: With the split the bundle was trained with, or external.
        bundle: A trained bundle.
        champion: What open_champion brought; without it nobody is compared with.
        split: The side to judge on; an external cohort is judged whole.
        seed: Of the untrained network that learning is compared with.

    Returns:
        evaluation: Metrics with intervals, per-case rows of candidate and champion, predictions, pictures.
        metrics: The estimate of every metric.
        report: The report and model card.
    """
    from pathlib import Path

    from medgantry.evaluation.step import evaluate_step

    beside = Path(champion.path) if champion else None
    folders = Path(cohort.path), Path(bundle.path), beside, Path(evaluation.path), Path(report.path)
    for name, value in evaluate_step(*folders, split=split, seed=seed).items():
        metrics.log_metric(name, value)
