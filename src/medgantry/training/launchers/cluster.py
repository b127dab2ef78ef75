"""The cluster's API as this step may use it: one namespace, with patience for a server that is busy or away."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import tenacity
import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from medgantry.errors import MedgantryError
from medgantry.training.launchers.job_kind import JobKind, Manifest

T = TypeVar("T")

PATIENCE_SECONDS = 30 * 60.0
"""How long the API server may be away: the training lives on meanwhile."""
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_EXPIRED = 401


class ClusterRefused(MedgantryError):
    """The API server says no, and will go on saying so."""


class Cluster:
    """The API server that a kubeconfig, or else the pod's service account, names.

    Args:
        patience: Seconds to go on while the server does not answer.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self.namespace = self._connect()

    def _connect(self) -> str:
        # One configuration for each object: the client's global one would be shared with other libraries.
        configuration = client.Configuration()
        named = os.environ.get("KUBECONFIG", "")
        if named:
            config.load_kube_config(named, client_configuration=configuration)
            _, active = config.list_kube_config_contexts(named)
            namespace = str(active["context"].get("namespace", "default"))
        else:
            config.load_incluster_config(client_configuration=configuration)
            namespace = _NAMESPACE.read_text().strip()
        configuration.retries = False
        api = client.ApiClient(configuration)
        self.core, self.custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
        return namespace

    def offers(self, kind: JobKind) -> bool:
        """Whether the server knows a kind of job."""
        try:
            found = self.call(lambda: self.custom.get_api_resources(kind.group, kind.version))
        except ApiException as error:
            if error.status == 404:
                return False
            raise
        return any(item.name == kind.plural for item in found.resources)

    def get(self, kind: JobKind, name: str) -> Manifest | None:
        """A job, or None when there is none."""
        return self._found(lambda: self.custom.get_namespaced_custom_object(*self._place(kind), name))

    def find(self, kind: JobKind, selector: str) -> list[Manifest]:
        """Jobs with these labels."""
        return list(
            self.call(
                lambda: self.custom.list_namespaced_custom_object(*self._place(kind), label_selector=selector)
            )["items"]
        )

    def create(self, kind: JobKind, manifest: Manifest) -> bool:
        """Create a job; False when one of this name is there."""
        return self._created(
            lambda: self.custom.create_namespaced_custom_object(*self._place(kind), manifest)
        )

    def patch(self, kind: JobKind, name: str, change: Manifest) -> None:
        """Merge a change into a job."""
        self.call(lambda: self.custom.patch_namespaced_custom_object(*self._place(kind), name, change))

    def patch_at_once(self, kind: JobKind, name: str, change: Manifest, seconds: float) -> None:
        """Merge a change in one request that takes no longer than this; there is no second try.

        Args:
            kind: The kind.
            name: The job.
            change: Merged into it.
            seconds: Time for the whole request.
        """
        self.custom.patch_namespaced_custom_object(
            *self._place(kind), name, change, _request_timeout=urllib3.Timeout(total=seconds)
        )

    def runtime(self, group: str, version: str, plural: str, name: str) -> Manifest | None:
        """A namespaced object of another kind, or None."""
        place = (group, version, self.namespace, plural, name)
        return self._found(lambda: self.custom.get_namespaced_custom_object(*place))

    def create_runtime(self, group: str, version: str, plural: str, manifest: Manifest) -> bool:
        """Create an object of another kind; False when one of this name is there."""
        place = (group, version, self.namespace, plural)
        return self._created(lambda: self.custom.create_namespaced_custom_object(*place, manifest))

    def own_pod(self) -> Any | None:
        """The pod this step runs in, as KFP names it; None outside of KFP."""
        name = os.environ.get("KFP_POD_NAME", "")
        return self._found(lambda: self.core.read_namespaced_pod(name, self.namespace)) if name else None

    def pods(self, selector: str) -> list[Any]:
        """Pods with these labels."""
        return list(
            self.call(lambda: self.core.list_namespaced_pod(self.namespace, label_selector=selector)).items
        )

    def events(self, name: str) -> list[Any]:
        """Events about an object."""
        selector = f"involvedObject.name={name}"
        found = self.call(lambda: self.core.list_namespaced_event(self.namespace, field_selector=selector))
        return list(found.items)

    def call(self, request: Callable[[], T]) -> T:
        """Make a request, again and again while the server is busy, away, or does not know the token any more.

        Raises:
            ClusterRefused: If it is forbidden, or the manifest invalid.
            ApiException: For other answers that another try would not change.
        """
        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception(self._is_passing),
                wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
                stop=tenacity.stop_after_delay(self._patience),
                reraise=True,
            )(request)
        except ApiException as error:
            if error.status in (403, 422):
                raise ClusterRefused(
                    f"The API server refused: {error.status} {_said(error)}",
                    "Apply the Roles and runtimes of manifests/, or ask who runs the platform.",
                ) from error
            raise

    def _is_passing(self, error: BaseException) -> bool:
        if isinstance(error, ApiException):
            if error.status == _EXPIRED:
                self._connect()  # reads the projected token again
                return True
            return error.status in (0, 408, 410, 429) or int(error.status or 0) >= 500
        return isinstance(error, urllib3.exceptions.HTTPError | OSError)

    def _place(self, kind: JobKind) -> tuple[str, str, str, str]:
        return kind.group, kind.version, self.namespace, kind.plural

    def _found(self, request: Callable[[], T]) -> T | None:
        try:
            return self.call(request)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def _created(self, request: Callable[[], object]) -> bool:
        try:
            self.call(request)
        except ApiException as error:
            if error.status == 409:
                return False
            raise
        return True


def _said(error: ApiException) -> str:
    return str(error.body or error.reason)[:1000]
