"""Ways to run the pipelines, and the embedded stack they use on one machine."""
