"""Kubeflow training-operator v1's PyTorchJob.

Source of fields, environment and conditions: kubeflow/training-operator v1.9, pkg/apis/kubeflow.org/v1.
"""

from collections.abc import Mapping
from typing import Any

from medgantry.cluster import Manifest, Resource
from medgantry.training.launchers.job_kind import JobRequest, JobState, conditions, pod_spec, why

_KEPT_SECONDS = 24 * 3600


class PyTorchJob:
    """One master and workers; the job succeeds with the master."""

    name = "pytorchjob"
    resource = Resource("kubeflow.org", "v1", "pytorchjobs")
    container = "pytorch"

    def manifest(self, request: JobRequest) -> Manifest:
        """A pod that fails fails the job: its peers cannot go on, and the step's next attempt resumes."""
        labels = {**request.labels, "sidecar.istio.io/inject": "false"}  # a sidecar would never end
        replica = {
            "replicas": 1,
            "restartPolicy": "Never",
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(request, self.container)},
        }
        replicas = {"Master": replica}
        if request.pods > 1:
            replicas["Worker"] = {**replica, "replicas": request.pods - 1}
        return {
            "apiVersion": self.resource.api_version,
            "kind": "PyTorchJob",
            "metadata": request.metadata(),
            "spec": {
                "nprocPerNode": str(request.ranks_per_pod),
                "runPolicy": {
                    "cleanPodPolicy": "Running",
                    "activeDeadlineSeconds": int(request.placement.running_seconds),
                    "ttlSecondsAfterFinished": _KEPT_SECONDS,
                },
                "pytorchReplicaSpecs": replicas,
            },
        }

    def state(self, job: Mapping[str, Any]) -> JobState:
        """Conditions are judged by type and status: the last of the list is not the latest."""
        held = conditions(job)
        if "Failed" in held:
            return JobState(phase="failed", message=why(held["Failed"]))
        if "Succeeded" in held:
            return JobState(phase="succeeded")
        if "Suspended" in held or (job["spec"].get("runPolicy") or {}).get("suspend"):
            return JobState(phase="queued", message=why(held.get("Suspended", {})))
        if "Running" in held:
            return JobState(phase="running")
        return JobState(phase="pending")

    def suspension(self, suspended: bool) -> Manifest:
        """In the run policy."""
        return {"runPolicy": {"suspend": suspended}}

    def pod_selector(self, name: str) -> str:
        """The operator's own label."""
        return f"training.kubeflow.org/job-name={name}"

    def rank(self, pod: Mapping[str, Any]) -> int:
        """The master is 0."""
        labels = pod["metadata"]["labels"]
        index = int(labels.get("training.kubeflow.org/replica-index", 0))
        is_worker = labels.get("training.kubeflow.org/replica-type", "master").lower() == "worker"
        return index + int(is_worker)
