"""Whether a deployed model's requests still look like its training data."""

from pipelines.drift_report.pipeline import drift_report as drift_report
