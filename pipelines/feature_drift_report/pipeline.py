"""The pipeline `feature_drift_report`."""

from kfp import dsl

from components.open_survival import open_survival
from components.report_feature_drift import report_feature_drift
from components.summarize_run import summarize_run
from pipelines.resources import light


@dsl.pipeline(
    name="feature-drift-report",
    description="Whether the requests of a deployed model of survival still look like the subjects it learnt from.",
)
def feature_drift_report(model: str, features: str, model_name: str, since: str = "", until: str = ""):
    """From the request log to a report."""
    with dsl.ExitHandler(light(summarize_run())):
        opened = light(open_survival(model_uri=model, features_uri=features))
        reported = report_feature_drift(
            model=opened.outputs["model"],
            features=opened.outputs["features"],
            model_name=model_name,
            since=since,
            until=until,
        )
        light(reported)
