"""Split a cohort into train, validation and test; groups stay together."""

from components.split_cohort.component import split_cohort as split_cohort
