"""Read photos that a table lists into a cohort, with a verdict for every image."""

from components.ingest_photos.component import ingest_photos as ingest_photos
