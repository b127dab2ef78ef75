"""List the studies of a DICOM source and deal them to tasks."""

from components.plan_ingest.component import plan_ingest as plan_ingest
