"""Kubeflow Trainer v2's TrainJob, valid on 2.1 to 2.3.

Between these releases the fields that change pods were replaced by others, so pods are described by a
namespaced TrainingRuntime: ours (manifests/base/training), or a copy of it with what the step asks for.
"""

import copy
from collections.abc import Mapping
from typing import Any

from medgantry.cluster import Manifest, Resource
from medgantry.errors import InvalidInput
from medgantry.training.launchers.job_kind import JobRequest, JobState, conditions, why

RUNTIME = "medgantry-torch"
_FINAL_REASONS = {"DeadlineExceeded", "FailedJobs", "ReachedMaxRestarts", "FailJobSetActionRule"}


class TrainJob:
    """Pods that a JobSet runs; the job completes when all did."""

    name = "trainjob"
    resource = Resource("trainer.kubeflow.org", "v1alpha1", "trainjobs")
    runtimes = Resource("trainer.kubeflow.org", "v1alpha1", "trainingruntimes")
    container = "node"

    def manifest(self, request: JobRequest) -> Manifest:
        """The number of processes is said even on the CPU: left out, it would be the number of cores."""
        own_runtime = request.placement.changes_pods
        trainer = {
            "image": request.image,
            "command": list(request.command),
            "env": [dict(item) for item in request.env],
            "numNodes": request.pods,
            "numProcPerNode": request.ranks_per_pod,
        }
        if request.placement.resources:
            trainer["resourcesPerNode"] = dict(request.placement.resources)
        return {
            "apiVersion": self.resource.api_version,
            "kind": "TrainJob",
            "metadata": request.metadata(),
            "spec": {
                "runtimeRef": {
                    "apiGroup": self.resource.group,
                    "kind": "TrainingRuntime",
                    "name": request.name if own_runtime else RUNTIME,
                },
                "trainer": trainer,
            },
        }

    def runtime(self, request: JobRequest, ours: Mapping[str, Any]) -> Manifest:
        """A copy of our runtime for one job, with what the step asks of its pods.

        Args:
            request: The job.
            ours: The runtime that the manifests install.

        Raises:
            InvalidInput: If it has no job `node` with a container `node`.
        """
        spec = copy.deepcopy(ours["spec"])
        pod = _node_pod(spec)
        placement = request.placement
        for key, value in (("nodeSelector", placement.node_selector), ("affinity", placement.affinity)):
            if value:
                pod[key] = dict(value)
        pod["tolerations"] = [*pod.get("tolerations", []), *map(dict, placement.tolerations)]
        pod["volumes"] = [*pod.get("volumes", []), *map(dict, placement.volumes)]
        (worker,) = [item for item in pod["containers"] if item["name"] == self.container]
        worker["volumeMounts"] = [*worker.get("volumeMounts", []), *map(dict, placement.volume_mounts)]
        return {
            "apiVersion": self.resource.api_version,
            "kind": "TrainingRuntime",
            "metadata": request.metadata(),
            "spec": spec,
        }

    def state(self, job: Mapping[str, Any]) -> JobState:
        """There is no Running condition, and up to 2.3 a Failed one may be withdrawn."""
        held = conditions(job)
        if "Complete" in held:
            return JobState(phase="succeeded")
        if "Failed" in held:
            final = held["Failed"].get("reason") in _FINAL_REASONS
            return JobState(phase="failed" if final else "failing", message=why(held["Failed"]))
        if "Suspended" in held or job["spec"].get("suspend"):
            return JobState(phase="queued", message=why(held.get("Suspended", {})))
        jobs = (job.get("status") or {}).get("jobsStatus") or []
        if any(item.get("active") or item.get("ready") or item.get("succeeded") for item in jobs):
            return JobState(phase="running")
        return JobState(phase="pending")

    def suspension(self, suspended: bool) -> Manifest:
        """At the top of the spec."""
        return {"suspend": suspended}

    def pod_selector(self, name: str) -> str:
        """The label of the JobSet, which has the job's name."""
        return f"jobset.sigs.k8s.io/jobset-name={name}"

    def rank(self, pod: Mapping[str, Any]) -> int:
        """The index that the Job gave."""
        return int(pod["metadata"]["labels"].get("batch.kubernetes.io/job-completion-index", 0))


def _node_pod(spec: Mapping[str, Any]) -> Manifest:
    for job in spec["template"]["spec"]["replicatedJobs"]:
        pod: Manifest = job["template"]["spec"]["template"]["spec"]
        if job["name"] == "node" and any(item["name"] == "node" for item in pod["containers"]):
            return pod
    raise InvalidInput(
        f"The TrainingRuntime {RUNTIME} has no job `node` with a container `node`.",
        "Apply the one of manifests/base/training.",
    )
