"""Ingest the studies of one task of a plan."""

from components.ingest_dicom_shard.component import ingest_dicom_shard as ingest_dicom_shard
