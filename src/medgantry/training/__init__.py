"""Training a bundle on shards: job, launchers, worker."""
