"""Time to an event: models, their cross-validated predictions, and how good those are."""
