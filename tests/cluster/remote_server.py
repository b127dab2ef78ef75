"""A real Kubernetes API server behind the methods that tests know of the double.

It needs the CustomResourceDefinitions and no operators: tests play those. Each server object has a namespace of its
own, under Pod Security 'restricted', with the accounts and Roles we ship.
"""

import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from kubernetes import config
from kubernetes.client.exceptions import ApiException

from tests.cluster.api_server import Object, Refusal

_BUILT_IN = {"": "v1", "rbac.authorization.k8s.io": "v1", "authorization.k8s.io": "v1"}
_LEVELS = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


class RemoteServer:
    """One namespace of a real cluster, as its administrator sees it.

    Args:
        kubeconfig: Of an administrator.
        roles: ServiceAccounts, Roles and RoleBindings to make.
        versions: API group -> version of the custom resources.
    """

    keeps_logs = False
    """Without a kubelet no pod has a log."""

    def __init__(self, kubeconfig: Path, roles: Iterable[Object], versions: Mapping[str, str]) -> None:
        self._admin = config.new_client_from_config(str(kubeconfig))
        self._versions = {**_BUILT_IN, **versions}
        self.namespace = f"medgantry-test-{uuid.uuid4().hex[:8]}"
        metadata = {"name": self.namespace, "labels": _LEVELS}
        self._call("POST", "/api/v1/namespaces", {"metadata": metadata})
        for item in roles:
            self._apply(item)

    def _apply(self, item: Object) -> None:
        body = {**item, "metadata": {"name": item["metadata"]["name"]}}
        if item["kind"] == "ServiceAccount":
            self.create("", "serviceaccounts", body)
        elif item["kind"] in ("Role", "RoleBinding"):
            if "subjects" in body:
                body["subjects"] = [{**subject, "namespace": self.namespace} for subject in body["subjects"]]
            self.create("rbac.authorization.k8s.io", f"{item['kind'].lower()}s", body)

    def stop(self) -> None:
        self._call("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def offer(self, group: str, version: str, plural: str, kind: str) -> None:
        """Nothing to do but to see that the kind is installed."""
        found = (
            self._call("GET", f"/apis/{group}/{version}") if self._has(group, version) else {"resources": []}
        )
        if plural not in {item["name"] for item in found["resources"]}:
            pytest.skip(
                f"this cluster has no {kind} ({group}/{version}): install its CustomResourceDefinition"
            )

    def _has(self, group: str, version: str) -> bool:
        try:
            self._call("GET", f"/apis/{group}/{version}")
        except Refusal:
            return False
        return True

    def kubeconfig(self, path: Path, account: str, namespace: str) -> Path:
        """A kubeconfig of a service account, with a token that the server made."""
        place = self._path("", "serviceaccounts", account)
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        token = self._call("POST", f"{place}/token", request)["status"]["token"]
        settings = self._admin.configuration
        cluster: Object = {"server": settings.host}
        if settings.ssl_ca_cert:
            cluster["certificate-authority"] = settings.ssl_ca_cert
        elif settings.host.startswith("https"):
            cluster["insecure-skip-tls-verify"] = True
        context = {"cluster": "real", "user": account, "namespace": self.namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "real",
            "clusters": [{"name": "real", "cluster": cluster}],
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": "real", "context": context}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def list(self, group: str, plural: str, namespace: str = "") -> list[Object]:
        return list(self._call("GET", self._path(group, plural))["items"])

    def get(self, group: str, plural: str, name: str, namespace: str = "") -> Object:
        return self._call("GET", self._path(group, plural, name))

    def create(self, group: str, plural: str, body: Object, namespace: str = "") -> Object:
        version = f"{group}/{self._versions[group]}" if group else "v1"
        made = self._call("POST", self._path(group, plural), {"apiVersion": version, **body}, strict=True)
        if "status" in body:
            made = self.patch(
                group, plural, made["metadata"]["name"], {"status": body["status"]}, sub="status"
            )
        return made

    def patch(
        self, group: str, plural: str, name: str, change: Object, namespace: str = "", sub: str = ""
    ) -> Object:
        place = self._path(group, plural, name) + (f"/{sub}" if sub else "")
        return self._call("PATCH", place, change, kind="application/merge-patch+json", strict=True)

    def delete(self, group: str, plural: str, name: str, namespace: str = "") -> None:
        self._call("DELETE", self._path(group, plural, name))

    def write_event(self, about: str, reason: str, message: str, namespace: str = "") -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "metadata": {"name": f"{about}.{time.time_ns():x}"},
            "involvedObject": {"name": about, "namespace": self.namespace, "kind": "Pod"},
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": "test"},
            "type": "Normal",
        }
        self.create("", "events", body)

    def may(self, account: str, verb: str, group: str, resource: str) -> bool:
        """Whether an account may do something, by the server's own word."""
        plural, _, sub = resource.partition("/")
        attributes = {"namespace": self.namespace, "verb": verb, "group": group, "resource": plural}
        attributes |= {"subresource": sub} if sub else {}
        user = f"system:serviceaccount:{self.namespace}:{account}"
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": attributes},
        }
        answer = self._call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        return bool(answer["status"]["allowed"])

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        pytest.skip(f"only the API-server double has {name}")

    def _path(self, group: str, plural: str, name: str = "") -> str:
        start = f"/apis/{group}/{self._versions[group]}" if group else "/api/v1"
        return f"{start}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def _call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", strict: bool = False
    ) -> Object:
        try:
            answer: Object = self._admin.call_api(
                path,
                method,
                query_params=[("fieldValidation", "Strict")] if strict else [],
                header_params={"Accept": "application/json", "Content-Type": kind},
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
            )
        except ApiException as error:
            raise Refusal(int(error.status), str(error.body)) from error
        return answer
