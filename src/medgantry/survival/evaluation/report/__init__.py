"""The report on a model of survival: one HTML file that needs nothing else."""
