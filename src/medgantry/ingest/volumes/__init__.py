"""Volumes in formats other than NIfTI, which ingest reads and keeps as NIfTI."""
