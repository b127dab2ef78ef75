"""The container images: their locks, how they are built."""
