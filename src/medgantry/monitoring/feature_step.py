"""The step `report_feature_drift`."""

from datetime import UTC, datetime
from pathlib import Path

from medgantry.features.table import FeatureTable
from medgantry.monitoring.comparing import compare, tell
from medgantry.monitoring.feature_reference import make_feature_reference
from medgantry.monitoring.period import parse_period
from medgantry.monitoring.request_log import read_requests
from medgantry.steps import step
from medgantry.storage import ObjectStore
from medgantry.survival.model import SurvivalModel


def report_feature_drift_step(
    model_folder: Path,
    features_folder: Path,
    drift: Path,
    report: Path,
    *,
    model_name: str,
    since: str,
    until: str,
) -> dict[str, float]:
    """Compare logged requests with the subjects that a survival model learnt from; drift is a result and no failure.

    Args:
        model_folder: The model.
        features_folder: The table that it learnt from.
        drift: The JSON file.
        report: The page.
        model_name: Of the deployed model.
        since: As `parse_period` takes it.
        until: As `parse_period` takes it.

    Returns:
        `Finding.metrics`, for KFP's Metrics.
    """
    with step("report_feature_drift") as record:
        begin, end = parse_period(since, until, datetime.now(UTC))
        model = SurvivalModel.open(model_folder)
        reference = make_feature_reference(model, FeatureTable.open(features_folder))
        window = read_requests(ObjectStore.from_environment(), model_name, begin, end)
        finding = compare(model_name, window, reference, rejected=0)
        tell(finding, record, drift, report)
        return finding.metrics()
