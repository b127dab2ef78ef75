"""Medgantry: from imaging archives to trained, evaluated and served models."""

__version__ = "0.1.0"
