"""`ingest_dicom`."""

from pipelines.ingest_dicom.pipeline import ingest_dicom as ingest_dicom
