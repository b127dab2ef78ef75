"""One training as a job of a cluster: created once, adopted by whoever comes later, followed to its end.

Three things keep it from being lost or doubled. Its name is made of what it is, so a second attempt of the step
finds it. The workflow owns it, so it goes with the run. A step that is told to stop suspends it first.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

from medgantry.cluster import Cluster, Manifest
from medgantry.errors import MedgantryError
from medgantry.fingerprint import hash_value
from medgantry.steps import StepRecord, run_id
from medgantry.training.job import Job
from medgantry.training.launchers.job_kind import PATCHED, JobKind, JobRequest, JobState
from medgantry.training.launchers.placement import Placement
from medgantry.training.launchers.pods import GRACE_SECONDS, PodWatch
from medgantry.training.launchers.progress import TrainingFailed, relay
from medgantry.training.launchers.trainjob import RUNTIME, TrainJob
from medgantry.training.launchers.watching import LOOK_SECONDS, changes

DIGEST = "medgantry.dev/spec-digest"
TERMINATION_SECONDS = 0.8
"""KFP leaves a terminated step one second."""
DOUBT_SECONDS = 10.0
"""How long a failure that may be withdrawn must stand (Trainer up to 2.3)."""
_COMMAND = ("python", "-m", "torch.distributed.run", "--max-restarts=0", "-m", "medgantry.training.worker")
_FORWARDED = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_WORKSPACE",
    "MEDGANTRY_RUN_ID",
    "MEDGANTRY_PIPELINE",
)
"""What a worker needs to join the run; secrets come by reference."""


class JobLost(MedgantryError):
    """The job was deleted while it was followed."""


class JobLate(MedgantryError):
    """The job waited or ran longer than it may."""


@dataclass
class _Patience:
    placement: Placement
    began: float
    running_since: float | None = None
    doubtful_since: float | None = None

    def judge(self, state: JobState) -> None:
        now = time.monotonic()
        if state.phase == "running":
            self.running_since = self.running_since or now
        elif state.phase == "queued" and self.running_since is not None:
            self.began, self.running_since = now, None  # the queue took back what it gave: it waits again
        waited, ran = now - self.began, now - (self.running_since or now)
        if self.running_since is None and waited > self.placement.queued_seconds:
            raise JobLate(
                f"The job waited {waited:.0f} s without running ({state.phase}: {state.message or 'no reason'}).",
                "Look at the queue's quota and the nodes, or raise queued_hours.",
            )
        if ran > self.placement.running_seconds:
            raise JobLate(f"The job ran {ran:.0f} s.", "Raise running_hours; it resumes from its checkpoint.")

    def stands(self, state: JobState) -> bool:
        """Whether a failure that may be withdrawn has stood long enough."""
        if state.phase != "failing":
            self.doubtful_since = None
            return False
        self.doubtful_since = self.doubtful_since or time.monotonic()
        return time.monotonic() - self.doubtful_since >= DOUBT_SECONDS


class ClusterLauncher:
    """Runs trainings as jobs of one kind.

    Args:
        cluster: The cluster.
        kind: `PyTorchJob` or `TrainJob`.
        placement: What the job asks for.
        say: Gets every line of the job's story.
        look: Seconds between fresh looks.
        grace: Seconds a pod may wait for a hopeless reason.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: JobKind,
        placement: Placement,
        say: Callable[[str], None] | None = None,
        look: int = LOOK_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._cluster, self._kind, self._placement = cluster, kind, placement
        self._say = say or _print
        self._look, self._grace = look, grace

    def launch(self, job: Job, record: StepRecord) -> None:
        """Create or adopt the job and follow it until it succeeded.

        Raises:
            TrainingFailed: If the job failed, or its pods will never start.
            JobLate: If it waited or ran too long; it is suspended then.
            JobLost: If somebody deleted it.
        """
        name = self._create_or_adopt(job)
        record.facts |= {"job": f"{self._kind.name}/{name}", "namespace": self._cluster.namespace}
        with self._suspended_on_termination(name):
            self._follow(name, record)

    def _create_or_adopt(self, job: Job) -> str:
        pod = self._cluster.own_pod()
        request = self._request(job, pod)
        others = self._cluster.find(
            self._kind.resource, f"medgantry.dev/training={request.labels['medgantry.dev/training']}"
        )
        ended = 0
        for other in sorted(others, key=lambda item: str(item["metadata"]["creationTimestamp"])):
            name = str(other["metadata"]["name"])
            if self._kind.state(other).phase in ("failed", "failing"):
                ended += 1
                continue
            return self._adopt(name, other, request)
        for attempt in range(ended, ended + len(others) + 2):
            numbered = replace(request, name=f"{request.name}-{attempt}" if attempt else request.name)
            self._create_runtime(numbered)
            if self._cluster.create(self._kind.resource, self._kind.manifest(numbered)):
                self._say(f"created {self._kind.name} {numbered.name} of {request.pods} pods")
                return numbered.name
            there = self._cluster.get(
                self._kind.resource, numbered.name
            )  # somebody was faster, or it failed before
            if there is not None and self._kind.state(there).phase not in ("failed", "failing"):
                return self._adopt(numbered.name, there, request)
        raise TrainingFailed(
            f"No free name for {request.name} was found.", "Delete the failed jobs of this run."
        )

    def _adopt(self, name: str, job: Mapping[str, Any], request: JobRequest) -> str:
        annotations = job["metadata"].get("annotations") or {}
        if annotations.get(DIGEST) != request.annotations[DIGEST]:
            raise TrainingFailed(
                f"{self._kind.name} {name} is there, but asks for something else than this step.",
                "Delete it, or wait until it ended.",
            )
        if PATCHED in annotations:
            change = {"metadata": {"annotations": {PATCHED: None}}, "spec": self._kind.suspension(False)}
            self._cluster.patch(self._kind.resource, name, change)
        self._say(f"adopted {self._kind.name} {name}")
        return name

    def _create_runtime(self, request: JobRequest) -> None:
        kind = self._kind
        if not isinstance(kind, TrainJob):
            return
        ours = self._cluster.get(kind.runtimes, RUNTIME)
        if ours is None:
            raise TrainingFailed(
                f"There is no TrainingRuntime {RUNTIME} in {self._cluster.namespace}.",
                "Apply manifests/base/training to the namespace.",
            )
        if request.placement.changes_pods:
            self._cluster.create(kind.runtimes, kind.runtime(request, ours))

    def _request(self, job: Job, pod: Any | None) -> JobRequest:
        pods, each = self._placement.share(job.ranks)
        image = _image(pod)
        env = [
            *({"name": name, "value": os.environ[name]} for name in _FORWARDED if os.environ.get(name)),
            {"name": "MEDGANTRY_CACHE", "value": "/cache"},
            {"name": "HOME", "value": "/tmp"},  # the root file system is read-only
            {"name": "OMP_NUM_THREADS", "value": str(job.threads)},
            {"name": "OMP_WAIT_POLICY", "value": "PASSIVE"},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
        ]
        identity = hash_value([run_id(), job.key])[:10]
        request = JobRequest(
            name=f"medgantry-train-{identity}",
            namespace=self._cluster.namespace,
            image=image,
            command=[*_COMMAND, job.key],
            pods=pods,
            ranks_per_pod=each,
            env=env,
            labels={
                "app.kubernetes.io/part-of": "medgantry",
                "app.kubernetes.io/component": "training",
                "medgantry.dev/training": identity,
            },
            annotations={},
            owners=_workflow(pod),
            placement=self._placement,
        )
        spec = self._kind.manifest(request)["spec"]
        return replace(request, annotations={DIGEST: hash_value(spec)[:16]})

    def _follow(self, name: str, record: StepRecord) -> None:
        tell = relay(record, self._say)
        pods = PodWatch(self._cluster, self._kind, name, tell, self._grace)
        patience = _Patience(self._placement, began=time.monotonic())
        shown = ""
        for job in changes(self._cluster, self._kind, name, self._look):
            if job is None:
                raise JobLost(f"{self._kind.name} {name} was deleted.", "Repeat the step: it resumes.")
            state = self._kind.state(job)
            told = f"{self._kind.name} {name} is {state.phase} {state.message}".strip()
            if told != shown:
                shown = told
                self._say(told)
            if state.phase == "succeeded":
                pods.finish(failed=False)
                return
            fault = pods.look()
            if state.phase == "failed" or patience.stands(state):
                pods.finish(failed=True)
                raise TrainingFailed(
                    _because(state.message, pods), "The step's log has the workers' last lines."
                )
            if fault:
                self._suspend(name)
                raise TrainingFailed(
                    f"The workers cannot start: {fault}", "Correct the image or its secrets."
                )
            try:
                patience.judge(state)
            except JobLate:
                self._suspend(name)
                raise

    def _suspend(self, name: str) -> None:
        self._cluster.patch(self._kind.resource, name, self._suspension())

    def _suspension(self) -> Manifest:
        return {"metadata": {"annotations": {PATCHED: "medgantry"}}, "spec": self._kind.suspension(True)}

    @contextmanager
    def _suspended_on_termination(self, name: str) -> Iterator[None]:
        def stop(number: int, frame: FrameType | None) -> None:
            try:
                self._cluster.patch_at_once(
                    self._kind.resource, name, self._suspension(), TERMINATION_SECONDS
                )
            finally:
                raise SystemExit(128 + number)

        before = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _because(message: str, pods: PodWatch) -> str:
    tail = "\n".join(list(pods.tail)[-20:])
    return f"{message or 'The job failed.'}\n{tail}".strip()


def _image(pod: Manifest | None) -> str:
    """The image of this step: workers run the same code."""
    named = os.environ.get("MEDGANTRY_TRAIN_IMAGE", "")
    if named:
        return named
    for container in pod["spec"]["containers"] if pod is not None else []:
        if container["name"] == "main":  # Argo's name for the user's container
            return str(container["image"])
    raise TrainingFailed(
        "The image for the workers is not known: this step does not run in a pod of KFP.",
        "Set MEDGANTRY_TRAIN_IMAGE.",
    )


def _workflow(pod: Manifest | None) -> list[dict[str, str]]:
    """The Argo workflow as the job's owner: it lives as long as the run does, which the step's pod does not."""
    owners = pod["metadata"].get("ownerReferences", []) if pod is not None else []
    return [
        {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")}
        for owner in owners
        if owner["kind"] == "Workflow"
    ]


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
