"""Measures of a registration: where landmarks end up, and whether space folds. One file each."""
