"""Predictions as DICOM objects, kept and sent."""
