"""Which launcher: the one that is named, or what the place offers."""

from medgantry.errors import InvalidInput
from medgantry.place import in_cluster
from medgantry.steps import StepRecord
from medgantry.training.job import Job
from medgantry.training.launchers.placement import Placement
from medgantry.training.launchers.torchrun import launch_torchrun

LAUNCHERS = ("auto", "torchrun", "pytorchjob", "trainjob")


def launch(name: str, job: Job, placement: Placement, record: StepRecord) -> None:
    """Run a job to its end by the launcher that is named.

    Args:
        name: One of `LAUNCHERS`; `auto` is torchrun outside a cluster, and in a pod the kind of job that the
            API server offers, never silently the step's own pod.
        job: The job.
        placement: What it asks of a cluster.
        record: The step's record.

    Raises:
        InvalidInput: If there is no such launcher, or the cluster offers no kind of job.
    """
    if name not in LAUNCHERS:
        raise InvalidInput(f"launcher must be one of {LAUNCHERS}, got {name!r}.")
    if name == "torchrun" or (name == "auto" and not in_cluster()):
        record.facts |= {"launcher": "torchrun"}
        launch_torchrun(job, record)
        return
    # Imported here: a laptop's image has no kubernetes client to pay for.
    from medgantry.cluster import Cluster
    from medgantry.training.launchers.cluster_job import ClusterLauncher
    from medgantry.training.launchers.job_kind import JobKind
    from medgantry.training.launchers.pytorchjob import PyTorchJob
    from medgantry.training.launchers.trainjob import TrainJob

    cluster = Cluster()
    kinds: list[JobKind] = [TrainJob(), PyTorchJob()]
    offered = [kind for kind in kinds if name in ("auto", kind.name) and cluster.offers(kind.resource)]
    if not offered:
        wanted = "TrainJob or PyTorchJob" if name == "auto" else name
        raise InvalidInput(
            f"The API server offers no {wanted}.",
            "Install Kubeflow Trainer, or say launcher=torchrun to train inside the step's own pod.",
        )
    record.facts |= {"launcher": offered[0].name}
    ClusterLauncher(cluster, offered[0], placement).launch(job, record)
