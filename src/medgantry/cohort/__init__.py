"""The cohort: a table of cases, their files, their split and their ledger."""

from medgantry.cohort.cohort import PAIR, Case, Cohort, File

__all__ = ["PAIR", "Case", "Cohort", "File"]
