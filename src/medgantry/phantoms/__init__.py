"""Synthetic data sets that are faithful in format, so that a demo and tests need no download."""
