"""`ingest_dicom_shard`."""

from components.ingest_dicom_shard.component import ingest_dicom_shard as ingest_dicom_shard
