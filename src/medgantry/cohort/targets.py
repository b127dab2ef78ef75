"""Names of targets: what is known about a case as a whole."""

DIAGNOSIS = "diagnosis"
"""The class of a case, whatever its column was called in the source."""

STUDY_DATE = "study_date"
"""When the images were taken, as DICOM writes dates; moved, or absent, where they were de-identified so."""
