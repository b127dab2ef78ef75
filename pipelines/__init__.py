"""Pipelines of medgantry: components, their composition and the ways to run them."""
