"""Serve the champion of a registered model and prove it with the golden case."""

from components.deploy.component import deploy as deploy
