"""DICOM ingest: from an archive or a PACS to a cohort, with a verdict for every series."""
