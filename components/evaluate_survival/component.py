"""The component `evaluate_survival`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Champion, Evaluation, FeatureTable, SurvivalModel


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def evaluate_survival(
    model: dsl.Input[SurvivalModel],
    features: dsl.Input[FeatureTable],
    evaluation: dsl.Output[Evaluation],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
    champion: dsl.Input[Champion] = None,
    horizons: str = "",
):
    """Judge a model of survival by its out-of-fold predictions, per modality and pooled, beside the champion.

    Args:
        model: What train_survival made.
        features: The table that it was given.
        champion: What open_champion brought; without it nobody is compared with.
        horizons: Days for AUC and calibration, separated by commas; empty for two and five years, where follow-up allows.

    Returns:
        evaluation: Metrics with intervals, paired differences, per-subject risks.
        metrics: The estimate of every metric.
        report: The report and model card.
    """
    from pathlib import Path

    from medgantry.survival.evaluation.step import evaluate_survival_step

    beside = Path(champion.path) if champion else None
    folders = Path(model.path), Path(features.path), beside, Path(evaluation.path), Path(report.path)
    for name, value in evaluate_survival_step(*folders, horizons=horizons).items():
        metrics.log_metric(name, value)
