"""Make one bundle of those that were trained on the folds of a cohort."""

from components.combine_folds.component import combine_folds as combine_folds
