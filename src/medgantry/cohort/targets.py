"""Names of targets: what is known about a case as a whole."""

DIAGNOSIS = "diagnosis"
"""The class of a case, whatever its column was called in the source."""
