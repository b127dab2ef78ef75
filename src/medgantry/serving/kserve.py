"""Serving on KServe: a candidate beside the endpoint, then the endpoint itself by server-side apply.

The fields we set are ours; what a platform team adds to the InferenceService stays. Nothing here is owned by the
run that made it.
"""

import re
import time
from collections.abc import Callable

from medgantry.cluster import Cluster, Manifest
from medgantry.errors import InvalidInput
from medgantry.serving.inference_service import (
    RESOURCE,
    Capacity,
    address,
    as_ours,
    is_split,
    manifest,
    readiness,
    replacing,
    split_knative,
    split_standard,
    storage_uri,
)
from medgantry.serving.target import DeploymentFailed, Endpoint, Release, candidate
from medgantry.storage import ObjectStore

_PATIENCE_SECONDS = 1800.0
"""A node may have to be started, and an image of gigabytes to be pulled."""
_SECONDS_BETWEEN_LOOKS = 2.0
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
"""KServe puts suffixes and the namespace behind it, and a DNS label ends at 63 characters."""


class KServe:
    """InferenceServices of one namespace.

    Args:
        cluster: The cluster.
        store: Where releases lie.
        capacity: Replicas and sizes.
        canary: Percent of the requests that a new release gets; 100 replaces the older one.
        say: Gets a line when something changes.
        patience: Seconds until a release must be ready.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: ObjectStore,
        capacity: Capacity,
        canary: int,
        say: Callable[[str], None],
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        if not 1 <= canary <= 100:
            raise InvalidInput(f"canary is a percentage from 1 to 100, got {canary}.")
        if not cluster.offers(RESOURCE):
            raise InvalidInput(
                "The API server offers no InferenceService.", "Install KServe, or say target=manifest."
            )
        self._cluster, self._store, self._capacity = cluster, store, capacity
        self._canary, self._say, self._patience = canary, say, patience
        self._before: Manifest | None = None
        self._changed = False
        self.rollout = "full"

    def stage(self, release: Release) -> Endpoint:
        """Serve the release as an InferenceService of its own, unless every request meets it already."""
        if not _NAME.fullmatch(release.model):
            raise InvalidInput(
                f"{release.model!r} can't name an endpoint.",
                "Register the model under up to 40 lower-case letters, digits and '-', a letter first.",
            )
        live = self._cluster.get(RESOURCE, release.model)
        if live is not None and storage_uri(live) == self._uri(release) and not is_split(live):
            return self._wait(release.model)
        alone = Capacity(mode=self._capacity.mode, memory=self._capacity.memory, gpus=self._capacity.gpus)
        return self._apply(manifest(candidate(release.model), release, self._uri(release), alone))

    def promote(self, release: Release) -> Endpoint:
        """Change the endpoint itself: to the release, or to a split of the requests, or not at all (shadow)."""
        live = self._cluster.get(RESOURCE, release.model)
        wanted = manifest(release.model, release, self._uri(release), self._capacity)
        if live is not None:
            self._before, wanted = as_ours(live, wanted), self._beside(live, wanted)
        if self.rollout == "shadow":
            self._say(
                f"This KServe can't split requests in Standard mode: {candidate(release.model)} stays beside "
                f"{release.model} until you deploy with canary=100."
            )
            return self._wait(release.model)
        self._changed = True
        endpoint = self._apply(wanted)
        self._cluster.delete(RESOURCE, candidate(release.model))
        return endpoint

    def _beside(self, live: Manifest, wanted: Manifest) -> Manifest:
        """What becomes of the endpoint: the wanted release alone, or a split of the requests."""
        in_knative = self._capacity.mode == "Knative"
        is_there = storage_uri(live) == storage_uri(wanted) and not (in_knative and is_split(live))
        if self._canary == 100 or is_there:
            return replacing(live, wanted)
        self.rollout = f"canary {self._canary} %"
        if in_knative:
            return split_knative(wanted, self._canary)
        if self._cluster.has_field(RESOURCE, "InferenceService", ("spec", "canary")):
            return split_standard(live, wanted, self._canary, self._capacity)
        self.rollout = "shadow"
        return wanted

    def withdraw(self, release: Release) -> None:
        """End the candidate; if the endpoint was changed, apply what it was before."""
        self._cluster.delete(RESOURCE, candidate(release.model))
        if not self._changed:
            return
        if self._before is None:
            self._cluster.delete(RESOURCE, release.model)
            self._say(f"{release.model} is withdrawn; nothing was served before.")
            return
        self._cluster.apply(RESOURCE, self._before)
        self._say(f"{release.model} goes back to {storage_uri(self._before)}.")

    def _uri(self, release: Release) -> str:
        return self._store.uri(release.prefix)

    def _apply(self, wanted: Manifest) -> Endpoint:
        self._cluster.apply(RESOURCE, wanted)
        return self._wait(str(wanted["metadata"]["name"]))

    def _wait(self, name: str) -> Endpoint:
        deadline, told = time.monotonic() + self._patience, ""
        while True:
            service = self._cluster.get(RESOURCE, name)
            if service is None:
                raise DeploymentFailed(f"Somebody deleted InferenceService {name}.")
            state = readiness(service)
            if state.ready:
                return Endpoint(name, address(service))
            if state.message != told:
                told = state.message
                self._say(f"{name}: {told}")
            if state.hopeless or time.monotonic() > deadline:
                raise DeploymentFailed(
                    f"InferenceService {name}: {told}.", f"Look at: kubectl describe isvc {name}"
                )
            time.sleep(min(_SECONDS_BETWEEN_LOOKS, self._patience))
