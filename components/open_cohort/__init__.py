"""Bring a cohort that an earlier run made."""

from components.open_cohort.component import open_cohort as open_cohort
