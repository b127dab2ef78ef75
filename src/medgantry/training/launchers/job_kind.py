"""What the kinds of cluster jobs have in common: what is asked of them, and what their status says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from medgantry.cluster import Manifest, Resource
from medgantry.training.launchers.placement import Placement

Phase = Literal["queued", "pending", "running", "succeeded", "failing", "failed"]
SERVICE_ACCOUNT = "medgantry-train"
STORE_CONFIG, STORE_SECRET = "medgantry-store", "medgantry-store-credentials"
TRACKING_SECRET = "medgantry-tracking-credentials"
"""Names that every namespace which trains has; docs/cluster.md lists their keys."""
PATCHED = "medgantry.dev/suspended-by"
"""Annotation of a job that was suspended when its step was terminated."""


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """One job to create."""

    name: str
    namespace: str
    image: str
    command: Sequence[str]
    pods: int
    ranks_per_pod: int
    env: Sequence[Mapping[str, Any]]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owners: Sequence[Mapping[str, str]]
    placement: Placement

    def metadata(self) -> Manifest:
        """Name, labels, annotations and owner."""
        queue = {"kueue.x-k8s.io/queue-name": self.placement.queue} if self.placement.queue else {}
        return {
            "name": self.name,
            "namespace": self.namespace,
            "labels": {**self.labels, **queue},
            "annotations": dict(self.annotations),
            "ownerReferences": [dict(owner) for owner in self.owners],
        }


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A job's status in one word, and why."""

    phase: Phase
    message: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing follows; `failing` may still be withdrawn."""
        return self.phase in ("succeeded", "failed")


class JobKind(Protocol):
    """A custom resource that runs workers."""

    name: str
    """As the parameter `launcher` names it."""
    resource: Resource
    container: str
    """The name its operator wants for the workers' container."""

    def manifest(self, request: JobRequest) -> Manifest:
        """The job."""

    def state(self, job: Mapping[str, Any]) -> JobState:
        """What a job's status says."""

    def suspension(self, suspended: bool) -> Manifest:
        """The part of the spec that suspends or resumes."""

    def pod_selector(self, name: str) -> str:
        """Labels of a job's pods."""

    def rank(self, pod: Mapping[str, Any]) -> int:
        """A pod's place among the job's pods."""


def conditions(job: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Type -> condition of those that hold; their order in the list means nothing."""
    listed = (job.get("status") or {}).get("conditions") or []
    return {str(item["type"]): item for item in listed if item.get("status") == "True"}


def why(condition: Mapping[str, Any]) -> str:
    """A condition's reason and message."""
    return f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")


def pod_spec(request: JobRequest, container: str) -> Manifest:
    """The workers' pod under Pod Security 'restricted', with memory for shared tensors and scratch space.

    Args:
        request: The job.
        container: Name of the container.
    """
    placement = request.placement
    scratch = {"shm": "/dev/shm", "tmp": "/tmp", "cache": "/cache"}
    return {
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 120,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": dict(placement.node_selector),
        "tolerations": [dict(item) for item in placement.tolerations],
        "affinity": dict(placement.affinity),
        "containers": [
            {
                "name": container,
                "image": request.image,
                "command": list(request.command),
                "env": [dict(item) for item in request.env],
                "envFrom": store_environment(),
                "resources": dict(placement.resources),
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    *({"name": name, "mountPath": path} for name, path in scratch.items()),
                    *(dict(item) for item in placement.volume_mounts),
                ],
            }
        ],
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "cache", "emptyDir": {}},
            *(dict(item) for item in placement.volumes),
        ],
    }


def store_environment() -> list[Manifest]:
    """The store and the tracking server by reference: no address or credential stands in a job."""
    return [
        {"configMapRef": {"name": STORE_CONFIG}},
        {"secretRef": {"name": STORE_SECRET}},
        {"secretRef": {"name": TRACKING_SECRET, "optional": True}},
    ]
