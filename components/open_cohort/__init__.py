"""Bring a cohort that an earlier run wrote, and check it."""

from components.open_cohort.component import open_cohort as open_cohort
