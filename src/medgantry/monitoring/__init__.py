"""Watching a deployed model: what is logged of requests, and whether they still look like the training data."""
