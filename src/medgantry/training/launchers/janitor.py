"""`python -m medgantry.training.launchers.janitor`: suspends training jobs that nobody waits for any more.

When a run is terminated KFP leaves its workflow in place, so what the workflow owns lives on. The step itself
suspends its job, unless it was killed before it could: then this does, from a CronJob.
"""

from collections.abc import Mapping
from typing import Any

from medgantry.cluster import Cluster, Resource
from medgantry.training.launchers.job_kind import PATCHED, JobKind
from medgantry.training.launchers.pytorchjob import PyTorchJob
from medgantry.training.launchers.trainjob import TrainJob

_OURS = "app.kubernetes.io/part-of=medgantry,app.kubernetes.io/component=training"
_WORKFLOWS = Resource("argoproj.io", "v1alpha1", "workflows")
_ENDED = {"Succeeded", "Failed", "Error"}


def sweep(cluster: Cluster) -> list[str]:
    """Suspend the jobs whose workflow ended, was terminated, or is gone.

    Returns:
        What was suspended, as `<kind>/<name>`.
    """
    swept = []
    kinds: list[JobKind] = [PyTorchJob(), TrainJob()]
    for kind in kinds:
        for job in cluster.find(kind.resource, _OURS) if cluster.offers(kind.resource) else []:
            name = str(job["metadata"]["name"])
            state = kind.state(job)
            if state.is_final or state.phase == "queued" or not _is_abandoned(cluster, job):
                continue
            change = {"metadata": {"annotations": {PATCHED: "janitor"}}, "spec": kind.suspension(True)}
            cluster.patch(kind.resource, name, change)
            swept.append(f"{kind.name}/{name}")
    return swept


def _is_abandoned(cluster: Cluster, job: Mapping[str, Any]) -> bool:
    owners = [o for o in job["metadata"].get("ownerReferences") or [] if o["kind"] == "Workflow"]
    for owner in owners:
        workflow = cluster.get(_WORKFLOWS, owner["name"])
        if workflow is None or workflow["metadata"]["uid"] != owner["uid"]:
            return True
        terminated = workflow.get("spec", {}).get("activeDeadlineSeconds") == 0
        return terminated or (workflow.get("status") or {}).get("phase") in _ENDED
    return False  # started by hand, not by a run


if __name__ == "__main__":
    for swept_job in sweep(Cluster()):
        print(f"suspended {swept_job}")
