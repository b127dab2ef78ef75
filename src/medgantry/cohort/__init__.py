"""The cohort: a table of cases, their files, their split and their ledger."""

from medgantry.cohort.cohort import Case, Cohort, File

__all__ = ["Case", "Cohort", "File"]
