"""Ingest of pairs of volumes that are to be registered."""
