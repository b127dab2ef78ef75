"""Read pairs of volumes that are to be registered into a cohort, with a verdict for every pair."""

from components.ingest_pairs.component import ingest_pairs as ingest_pairs
