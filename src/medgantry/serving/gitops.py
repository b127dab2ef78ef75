"""Deployment by Git: the InferenceService as a file that a person or a bot commits."""

import yaml

from medgantry.serving.inference_service import Capacity, manifest
from medgantry.serving.target import Release
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore


def emit(release: Release, capacity: Capacity, store: ObjectStore, record: StepRecord) -> str:
    """Write `deployments/<model>.inferenceservice.yaml`, a resource, or a patch of one, for kustomize.

    Nothing is served or proved here: who owns the repository decides.

    Returns:
        The file's URI.
    """
    key = f"deployments/{release.model}.inferenceservice.yaml"
    document = manifest(release.model, release, store.uri(release.prefix), capacity)
    store.put_bytes(key, yaml.safe_dump(document, sort_keys=False).encode())
    described = {"url": "", "model": release.model, "version": release.version, "manifest": store.uri(key)}
    record.facts = {"endpoint": described | {"rollout": "manifest"}}
    return store.uri(key)
