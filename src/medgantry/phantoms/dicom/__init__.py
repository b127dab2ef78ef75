"""Synthetic DICOM objects whose truth is known from arrays of our own, never from a reader."""
