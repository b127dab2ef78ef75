"""DICOM objects: judged, read, de-identified, written."""
