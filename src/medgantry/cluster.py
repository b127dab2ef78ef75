"""The cluster's API as this step may use it: one namespace, with patience for a server that is busy or away."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import tenacity
import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from medgantry.errors import MedgantryError

T = TypeVar("T")
Manifest = dict[str, Any]

PATIENCE_SECONDS = 30 * 60.0
"""How long the API server may be away: what runs there lives on meanwhile."""
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_EXPIRED = 401


class Resource(NamedTuple):
    """A kind of custom resource."""

    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """As manifests say it."""
        return f"{self.group}/{self.version}"


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

    def offers(self, resource: Resource) -> bool:
        """Whether the server knows a kind of object."""
        try:
            found = self.call(lambda: self.custom.get_api_resources(resource.group, resource.version))
        except ApiException as error:
            if error.status == 404:
                return False
            raise
        return any(item.name == resource.plural for item in found.resources)

    def get(self, resource: Resource, name: str) -> Manifest | None:
        """An object, or None when there is none."""
        return self._found(lambda: self.custom.get_namespaced_custom_object(*self._place(resource), name))

    def find(self, resource: Resource, selector: str) -> list[Manifest]:
        """Objects with these labels."""
        place = self._place(resource)
        found = self.call(lambda: self.custom.list_namespaced_custom_object(*place, label_selector=selector))
        return list(found["items"])

    def create(self, resource: Resource, manifest: Manifest) -> bool:
        """Create an object; False when one of this name is there."""
        try:
            self.call(lambda: self.custom.create_namespaced_custom_object(*self._place(resource), manifest))
        except ApiException as error:
            if error.status == 409:
                return False
            raise
        return True

    def patch(self, resource: Resource, name: str, change: Manifest) -> None:
        """Merge a change into an object."""
        self.call(lambda: self.custom.patch_namespaced_custom_object(*self._place(resource), name, change))

    def patch_at_once(self, resource: Resource, name: str, change: Manifest, seconds: float) -> None:
        """Merge a change in one request that takes no longer than this; there is no second try.

        Args:
            resource: The kind of object.
            name: The object.
            change: Merged into it.
            seconds: Time for the whole request.
        """
        self.custom.patch_namespaced_custom_object(
            *self._place(resource), name, change, _request_timeout=urllib3.Timeout(total=seconds)
        )

    def apply(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Server-side apply: the object is ours in the fields the manifest has, others keep theirs.

        Returns:
            The object as it is now.
        """
        group, version, namespace, plural = self._place(resource)
        name = manifest["metadata"]["name"]
        path = f"/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}"
        query = {"fieldManager": "medgantry", "force": "true"}
        # The custom objects API itself knows merge patches only.
        return self.call(lambda: self._ask(path, "PATCH", query, manifest, "application/apply-patch+yaml"))

    def delete(self, resource: Resource, name: str) -> None:
        """Delete an object; deleting what is not there is no error."""
        self._found(lambda: self.custom.delete_namespaced_custom_object(*self._place(resource), name))

    def has_field(self, resource: Resource, kind: str, path: Sequence[str]) -> bool:
        """Whether the schema that the server publishes has a field; every account may read it.

        Args:
            resource: Of which group and version.
            kind: The kind of object.
            path: The field's place, such as `("spec", "canary")`.
        """
        document = self.call(lambda: self._ask(f"/openapi/v3/apis/{resource.api_version}"))
        this = {"group": resource.group, "version": resource.version, "kind": kind}
        schemas = document["components"]["schemas"].values()
        schema = next(item for item in schemas if this in item.get("x-kubernetes-group-version-kind", []))
        for name in path:
            schema = schema.get("properties", {}).get(name)
            if schema is None:
                return False
        return True

    def own_pod(self) -> Manifest | None:
        """The pod this step runs in, as KFP names it; None outside of KFP."""
        name = os.environ.get("KFP_POD_NAME", "")
        return self._found(lambda: self._ask(self._core(f"pods/{name}"))) if name else None

    def pods(self, selector: str) -> list[Manifest]:
        """Pods with these labels."""
        found = self.call(lambda: self._ask(self._core("pods"), query={"labelSelector": selector}))
        return list(found["items"])

    def events(self, name: str) -> list[Manifest]:
        """Events about an object."""
        selector = f"involvedObject.name={name}"
        found = self.call(lambda: self._ask(self._core("events"), query={"fieldSelector": selector}))
        return list(found["items"])

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

    def _core(self, what: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{what}"

    def _ask(
        self,
        path: str,
        method: str = "GET",
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
    ) -> Manifest:
        """One request, and its answer as JSON.

        The client's own classes of pods and events set logging up anew for each object in them: 30 ms a pod, in which a
        signal handler that raises leaves logging's lock locked.
        """
        answer: Manifest = self.custom.api_client.call_api(
            path,
            method,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content},
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
        )
        return answer

    def _place(self, resource: Resource) -> tuple[str, str, str, str]:
        return resource.group, resource.version, self.namespace, resource.plural

    def _found(self, request: Callable[[], T]) -> T | None:
        try:
            return self.call(request)
        except ApiException as error:
            if error.status == 404:
                return None
            raise


def _said(error: ApiException) -> str:
    return str(error.body or error.reason)[:1000]
