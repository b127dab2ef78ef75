"""Regressions of one modality's columns on time to an event, given what other modalities say."""
