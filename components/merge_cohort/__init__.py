"""Fold what the ingest tasks made into one cohort."""

from components.merge_cohort.component import merge_cohort as merge_cohort
