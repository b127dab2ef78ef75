"""Registration of chest CTs breathed out and in, source to registered model."""

from pipelines.lung_registration.pipeline import lung_registration as lung_registration
