"""Fold what the tasks predicted into one cohort and one table of measurements."""

from components.merge_predictions.component import merge_predictions as merge_predictions
