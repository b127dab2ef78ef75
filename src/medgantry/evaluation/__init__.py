"""Evidence: per-case metrics in source geometry, intervals, baselines, report."""
