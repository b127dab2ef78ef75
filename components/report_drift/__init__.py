"""Compare a deployed model's requests with what it was trained on."""

from components.report_drift.component import report_drift as report_drift
