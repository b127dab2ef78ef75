"""Intervals of what evaluation measures; patients, not images, are the independent unit."""
