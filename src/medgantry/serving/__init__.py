"""Serving a bundle with KServe's model server, and deploying it."""
