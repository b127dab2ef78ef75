"""Ways to start the workers of a job; each waits for their end and reports their error."""
