"""The component `report_drift`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort, DriftFinding


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def report_drift(
    cohort: dsl.Input[Cohort],
    drift: dsl.Output[DriftFinding],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
    model_name: str,
    since: str = "",
    until: str = "",
):
    """Compare a deployed model's logged requests with what it was trained on.

    Args:
        cohort: The split cohort that the model was trained on; its training side counts.
        model_name: The deployed model, as its requests are logged.
        since: ISO time of the first request, UTC unless it says otherwise; empty for 30 days before until.
        until: ISO time after the last request; empty for now.

    Returns:
        drift: Every number that was tested, with p-value and effect, as JSON.
        metrics: drift (1 or 0), whether it could be judged, and what was counted.
        report: The page about it.
    """
    from pathlib import Path

    from medgantry.monitoring.step import report_drift_step

    folders = Path(cohort.path), Path(drift.path), Path(report.path)
    options = {"model_name": model_name, "since": since, "until": until}
    for name, value in report_drift_step(*folders, **options).items():
        metrics.log_metric(name, value)
