"""Measures of a segmentation against its reference, one file each."""
