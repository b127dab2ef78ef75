"""Compare the requests of a deployed model of survival with the subjects that it learnt from."""

from components.report_feature_drift.component import report_feature_drift as report_feature_drift
