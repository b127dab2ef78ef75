"""The pipeline `drift_report`."""

from kfp import dsl

from components.open_cohort import open_cohort
from components.report_drift import report_drift
from components.summarize_run import summarize_run
from pipelines.resources import light


@dsl.pipeline(
    name="drift-report",
    description="Whether a deployed model's requests still look like its training data.",
)
def drift_report(cohort: str, model_name: str, since: str = "", until: str = ""):
    """From the request log to a report."""
    with dsl.ExitHandler(light(summarize_run())):
        opened = light(open_cohort(uri=cohort))
        reported = report_drift(
            cohort=opened.outputs["cohort"], model_name=model_name, since=since, until=until
        )
        light(reported)
