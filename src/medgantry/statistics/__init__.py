"""Estimates and their intervals; patients, not images, are the independent unit."""
