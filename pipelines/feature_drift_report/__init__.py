"""Whether the requests of a deployed model of survival still look like the subjects that it learnt from."""

from pipelines.feature_drift_report.pipeline import feature_drift_report as feature_drift_report
