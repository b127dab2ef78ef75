"""Serving on this machine: desired state in the store, which the runner's supervisor makes so."""

import json
import time
import uuid

from medgantry.errors import ObjectMissing
from medgantry.fingerprint import canonical_json
from medgantry.registry.deployments import desired_key, status_key
from medgantry.serving.target import DeploymentFailed, Endpoint, Release, candidate
from medgantry.storage import ObjectStore

_PATIENCE_SECONDS = 660.0
"""Longer than the runner waits for a server: it answers the golden case before it says that it is ready."""


class Laptop:
    """Model servers that the runner supervises.

    Args:
        store: Where desired state is written and status read.
    """

    rollout = "full"

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._before: bytes | None = None
        self._promoted = False

    def stage(self, release: Release) -> Endpoint:
        """Serve the release under the candidate's name."""
        return self._serve(candidate(release.model), release)

    def promote(self, release: Release) -> Endpoint:
        """Serve the release under the model's name, and the candidate no more."""
        try:
            self._before = self._store.get_bytes(desired_key(release.model))
        except ObjectMissing:
            self._before = None
        self._promoted = True
        endpoint = self._serve(release.model, release)
        self._end(candidate(release.model))
        return endpoint

    def withdraw(self, release: Release) -> None:
        """End the candidate; after `promote`, ask for what was served before."""
        self._end(candidate(release.model))
        if self._promoted and self._before is not None:
            again = json.loads(self._before) | {"generation": uuid.uuid4().hex}
            self._store.put_bytes(desired_key(release.model), canonical_json(again).encode())
        elif self._promoted:
            self._end(release.model)

    def _serve(self, name: str, release: Release) -> Endpoint:
        generation = uuid.uuid4().hex
        desired = {"model": release.model, "version": release.version, "prefix": release.prefix}
        document = canonical_json(desired | {"generation": generation})
        self._store.put_bytes(desired_key(name), document.encode())
        return Endpoint(name, self._wait(name, generation))

    def _end(self, name: str) -> None:
        self._store.delete(desired_key(name))
        self._store.delete(status_key(name))

    def _wait(self, name: str, generation: str) -> str:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status = json.loads(self._store.get_bytes(status_key(name)))
            except ObjectMissing:
                status = {}
            if status.get("generation") == generation:
                if status["state"] == "failed":
                    raise DeploymentFailed(f"The model server did not start: {status['message']}.")
                return str(status["url"])
            time.sleep(0.3)
        raise DeploymentFailed(
            f"Nobody made deployment {name} ready in {_PATIENCE_SECONDS:.0f} s.",
            "On a laptop the runner supervises endpoints: use `python -m pipelines run`.",
        )
