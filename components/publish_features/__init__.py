"""Publish a feature table to the project's feature store."""

from components.publish_features.component import publish_features as publish_features
