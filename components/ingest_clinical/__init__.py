"""Read a clinical table into what was known of subjects and what became of them."""

from components.ingest_clinical.component import ingest_clinical as ingest_clinical
