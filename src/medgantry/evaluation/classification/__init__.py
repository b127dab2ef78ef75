"""Metrics of classifiers, each with an interval over patients."""
