"""The component `report_feature_drift`."""

from kfp import dsl

from components import images
from medgantry.artifacts import DriftFinding, FeatureTable, SurvivalModel


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def report_feature_drift(
    model: dsl.Input[SurvivalModel],
    features: dsl.Input[FeatureTable],
    drift: dsl.Output[DriftFinding],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
    model_name: str,
    since: str = "",
    until: str = "",
):
    """Compare the requests of a deployed model of survival with the subjects that it learnt from.

    Args:
        model: What is deployed.
        features: The table that it learnt from.
        model_name: The deployed model, as its requests are logged.
        since: ISO time of the first request, UTC unless it says otherwise; empty for 30 days before until.
        until: ISO time after the last request; empty for now.

    Returns:
        drift: Every number and category that was tested, with p-value and effect, as JSON.
        metrics: drift (1 or 0), whether it could be judged, and what was counted.
        report: The page about it.
    """
    from pathlib import Path

    from medgantry.monitoring.feature_step import report_feature_drift_step

    folders = Path(model.path), Path(features.path), Path(drift.path), Path(report.path)
    options = {"model_name": model_name, "since": since, "until": until}
    for name, value in report_feature_drift_step(*folders, **options).items():
        metrics.log_metric(name, value)
