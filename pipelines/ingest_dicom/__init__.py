"""DICOM studies to a trusted cohort."""

from pipelines.ingest_dicom.pipeline import ingest_dicom as ingest_dicom
