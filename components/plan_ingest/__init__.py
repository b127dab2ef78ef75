"""`plan_ingest`."""

from components.plan_ingest.component import plan_ingest as plan_ingest
