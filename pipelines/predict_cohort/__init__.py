"""A cohort in, predictions out."""

from pipelines.predict_cohort.pipeline import predict_cohort as predict_cohort
