"""Measured stages, each against a named peer in the same run; run with `make bench`, never in CI."""
