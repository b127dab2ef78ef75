"""What a launcher must survive, and the same scenarios turned red by launchers that have a known fault."""

import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest

from medgantry.cluster import Cluster, ClusterRefused
from medgantry.steps import StepRecord
from medgantry.training.job import Job
from medgantry.training.launchers import cluster_job, pods, pytorchjob
from medgantry.training.launchers.cluster_job import ClusterLauncher, JobLate, JobLost
from medgantry.training.launchers.job_kind import JobKind, JobState
from medgantry.training.launchers.placement import Placement
from medgantry.training.launchers.pods import PodWatch
from medgantry.training.launchers.progress import TrainingFailed
from medgantry.training.launchers.pytorchjob import PyTorchJob
from medgantry.training.launchers.trainjob import TrainJob
from tests.cluster.api_server import ApiServer, Object
from tests.cluster.operators import PYTORCH, TRAIN, Operators, condition, script, set_status

PATIENT = Placement(queued_seconds=60, running_seconds=60)  # far more than a busy machine needs


class Terminated(Exception):
    """What a terminated process would have ended with."""


@dataclass
class House:
    """A cluster, and a launcher in it."""

    server: ApiServer
    operators: Operators
    job: Job
    kind: JobKind
    lines: list[str] = field(default_factory=list)
    placement: Placement = PATIENT

    @property
    def key(self) -> tuple[str, str]:
        return PYTORCH if self.kind.name == "pytorchjob" else TRAIN

    def launch(
        self, placement: Placement | None = None, grace: float = 0.5, say: Callable[[str], None] | None = None
    ) -> StepRecord:
        record = StepRecord(step="train")
        launcher = ClusterLauncher(
            Cluster(patience=60),
            self.kind,
            placement or self.placement,
            say or self.lines.append,
            look=1,
            grace=grace,
        )
        launcher.launch(self.job, record)
        return record

    def on_the_double_alone(self, why: str) -> None:
        if not self.server.keeps_logs:
            pytest.skip(f"a real API server alone has no {why}")

    def says(self, text: str) -> bool:
        """Wait until the launcher says it."""
        deadline = time.monotonic() + 10
        while not (said := any(text in line for line in self.lines)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return said

    def jobs(self) -> list[Object]:
        return self.server.list(*self.key)

    def plays(self, steps: Callable[[str], None]) -> threading.Thread:
        return script(self.server, self.key, steps)

    def pods(self, name: str) -> list[str]:
        """The job's pods by rank, once they are there."""
        while (
            len(found := [p for p in self.server.list("", "pods") if p["metadata"]["name"].startswith(name)])
            < 2
        ):
            time.sleep(0.02)
        return sorted(p["metadata"]["name"] for p in found)  # master before worker, 0 before 1

    def running(self, name: str) -> None:
        for pod in self.pods(name):
            self.operators.phase(pod, "Running")

    def succeed(self, name: str) -> None:
        for pod in self.pods(name):
            self.operators.phase(pod, "Succeeded")
            if self.server.keeps_logs:
                self.server.end_log(pod)

    def fail(self, name: str) -> None:
        for rank, pod in enumerate(self.pods(name)):
            if self.server.keeps_logs:
                self.server.write_log(pod, f"Traceback of {rank}")
                self.server.end_log(pod)
            ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "last words"}}
            self.operators.phase(pod, "Failed" if rank == 1 else "Running", self.kind.container, ended)


@pytest.fixture(params=["pytorchjob", "trainjob"])
def house(
    request: pytest.FixtureRequest,
    server: ApiServer,
    operators: Operators,
    step_pod: Object,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    def end(number: int, frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    monkeypatch.setattr(cluster_job, "DOUBT_SECONDS", 4.0)
    yield House(server, operators, job, KINDS[request.param]())
    signal.signal(signal.SIGTERM, before)


# Scenarios.


def succeeds(house: House) -> None:
    """Running, then success; job and pods stay as evidence."""
    house.plays(lambda name: (house.running(name), time.sleep(0.3), house.succeed(name)))
    record = house.launch()
    (job,) = house.jobs()
    assert record.facts["job"] == f"{house.kind.name}/{job['metadata']['name']}"
    assert len(house.pods(job["metadata"]["name"])) == 2
    house.launch()  # a repeated step finds it done
    assert len(house.jobs()) == 1


def fails(house: House) -> None:
    """A failed job is a failed step, with the last lines of every rank, why it ended, and the evidence kept."""
    house.plays(lambda name: (house.running(name), house.fail(name)))
    with pytest.raises(TrainingFailed):
        house.launch()
    said = "\n".join(house.lines)
    for rank in (0, 1):
        assert f"[rank {rank}] Traceback of {rank}" in said or not house.server.keeps_logs
        assert "137 OOMKilled: last words" in said
    assert len(house.jobs()) == 1


def failed_before(house: House) -> None:
    """What failed is tried again under another name."""
    fails(house)
    first = house.jobs()[0]["metadata"]["name"]

    def second(_: str) -> None:
        while len(house.jobs()) < 2:
            time.sleep(0.02)
        name = next(j["metadata"]["name"] for j in house.jobs() if j["metadata"]["name"] != first)
        assert name == f"{first}-1"
        while (
            len([p for p in house.server.list("", "pods") if p["metadata"]["name"].startswith(f"{name}-")])
            < 2
        ):
            time.sleep(0.02)
        house.running(f"{name}-")
        house.succeed(f"{name}-")

    house.plays(second)
    house.launch()


def adopts(house: House) -> None:
    """A step that comes again while the job runs goes on with it, and starts no second training."""

    def gone(line: str) -> None:
        # Said by the main thread. A signal could come where logging holds its lock, which would stay locked.
        if "is running" in line:
            raise KeyboardInterrupt

    house.plays(house.running)
    house.server.inject(500, 10_000, "watch")
    with pytest.raises(KeyboardInterrupt):  # the step's pod is gone, the job is not
        house.launch(say=gone)
    house.server.faults.clear()
    (job,) = house.jobs()
    threading.Timer(0.5, house.succeed, (job["metadata"]["name"],)).start()
    house.launch()
    assert len(house.jobs()) == 1
    assert any(line.startswith("adopted") for line in house.lines)


def survives_a_bad_server(house: House) -> None:
    """Errors, a full queue, cut connections, an expired version and a token that must be read again."""
    house.on_the_double_alone("faults to order")

    def play(name: str) -> None:
        house.running(name)
        for code in (500, 429, 503, 0, 401):
            house.server.inject(code, 1, "get")
            house.server.inject(code, 1, "list")
            house.server.inject(code, 1, "watch")
            time.sleep(0.3)
        house.server.forget_history()
        house.server.cut_watches()
        time.sleep(0.5)
        house.succeed(name)

    house.plays(play)
    house.launch()
    assert sum(fault.times for fault in house.server.faults) < 10  # they did happen


def belongs_to_the_workflow(house: House) -> None:
    """When KFP removes the run, the job goes too."""
    house.on_the_double_alone("garbage collector")
    succeeds(house)
    house.server.delete("argoproj.io", "workflows", "run-1")
    assert house.jobs() == []


def terminated(house: House) -> None:
    """SIGTERM suspends the job long before the grace of 30 s ends, and the next attempt resumes it."""
    took = []

    def play(name: str) -> None:
        house.running(name)
        assert house.says("is running")
        # While it waits for news: not where logging holds its lock, which would stay locked.
        while sys._current_frames()[threading.main_thread().ident or 0].f_code.co_name != "readinto":
            time.sleep(0.001)
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        while not _suspended(house) and time.monotonic() - began < 15:
            time.sleep(0.01)
        took.append(time.monotonic() - began)

    player = house.plays(play)
    with pytest.raises((SystemExit, Terminated)):
        house.launch()
    player.join()
    assert _suspended(house)
    assert took[0] < 10
    (job,) = house.jobs()

    def resumed(name: str) -> None:
        while _suspended(house):
            time.sleep(0.02)
        house.running(name)
        house.succeed(name)

    threading.Thread(target=resumed, args=(job["metadata"]["name"],), daemon=True).start()
    house.launch()


def waits_in_the_queue(house: House) -> None:
    """Kueue holds it back longer than it may run: that is waiting, not running."""

    def play(name: str) -> None:
        house.server.patch(*house.key, name, {"spec": house.kind.suspension(True)})
        time.sleep(6.0)
        house.server.patch(*house.key, name, {"spec": house.kind.suspension(False)})
        house.running(name)
        house.succeed(name)

    house.plays(play)
    house.launch(Placement(queue="gpus", queued_seconds=60, running_seconds=5))
    (job,) = house.jobs()
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"


def withdraws_a_failure(house: House) -> None:
    """Trainer up to 2.3 takes some failures back; a PyTorchJob's stands."""

    def play(name: str) -> None:
        held = condition("Failed", reason="TrainJobRuntimeNotSupported", message="not yet")
        set_status(house.server, TRAIN, name, {"conditions": [held]})
        time.sleep(0.6)
        set_status(house.server, TRAIN, name, {"conditions": []})
        time.sleep(0.3)
        set_status(house.server, TRAIN, name, {"conditions": [condition("Complete")]})

    house.plays(play)
    house.launch()


def streams(house: House) -> None:
    """Rank 0's lines come while it runs, once each, also when the stream breaks; progress goes to the record."""
    house.on_the_double_alone("logs")
    seen: list[bool] = []

    def play(name: str) -> None:
        pods = house.pods(name)
        house.server.write_event(pods[0], "FailedScheduling", "0/3 nodes have a GPU")
        house.running(name)
        for number in range(5):
            house.server.write_log(pods[0], f"epoch {number}")
            if number == 2:
                seen.append(house.says("[rank 0] epoch 2"))
                house.server.cut_watches()
        house.server.write_log(pods[0], '{"medgantry_progress": [3, 5, "epochs"]}')
        house.succeed(name)

    house.plays(play)
    record = house.launch()
    assert seen == [True]
    assert [line for line in house.lines if "epoch" in line] == [f"[rank 0] epoch {n}" for n in range(5)]
    assert record.progress == {"done": 3, "total": 5, "unit": "epochs"}
    assert any("FailedScheduling: 0/3 nodes have a GPU" in line for line in house.lines)


SCENARIOS = [
    succeeds,
    fails,
    failed_before,
    adopts,
    survives_a_bad_server,
    belongs_to_the_workflow,
    terminated,
    waits_in_the_queue,
    withdraws_a_failure,
    streams,
]


KINDS = {"pytorchjob": PyTorchJob, "trainjob": TrainJob}


def _both(name: str, *values: object, only: str = "") -> list[Any]:
    """A test's parameters for each kind of job, or for the only one they fit."""
    return [pytest.param(kind, *values, id=f"{kind}-{name}") for kind in ([only] if only else sorted(KINDS))]


@pytest.mark.parametrize(
    ("house", "scenario"),
    [
        case
        for scenario in SCENARIOS
        for case in _both(
            scenario.__name__, scenario, only="trainjob" if scenario is withdraws_a_failure else ""
        )
    ],
    indirect=["house"],
)
def test_the_launcher(house: House, scenario: Callable[[House], None]) -> None:
    scenario(house)


# Launchers with a fault that a known one has: each must turn its scenario red.

Patch = Callable[[pytest.MonkeyPatch, House], None]


def _any_end_is_success(patch: pytest.MonkeyPatch, house: House) -> None:
    for kind in (PyTorchJob, TrainJob):
        judge = kind.state

        def state(self: Any, job: Any, judge: Any = judge) -> JobState:
            found: JobState = judge(self, job)
            return JobState(phase="succeeded") if found.phase in ("failed", "failing") else found

        patch.setattr(kind, "state", state)


def _last_condition_only(patch: pytest.MonkeyPatch, house: House) -> None:
    def last(job: Any) -> Any:
        listed = (job.get("status") or {}).get("conditions") or [{"type": ""}]
        return {listed[-1]["type"]: listed[-1]}

    patch.setattr(pytorchjob, "conditions", last)


def _deletes_the_job(patch: pytest.MonkeyPatch, house: House) -> None:
    follow = ClusterLauncher._follow

    def lose(self: Any, name: str, record: StepRecord) -> None:
        try:
            follow(self, name, record)
        finally:
            house.server.delete(*house.key, name)

    patch.setattr(ClusterLauncher, "_follow", lose)


def _no_second_try(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(Cluster, "call", lambda self, request: request())


def _no_adoption(patch: pytest.MonkeyPatch, house: House) -> None:
    def refuse(*_: object) -> str:
        raise RuntimeError("409 AlreadyExists")

    patch.setattr(ClusterLauncher, "_adopt", refuse)


def _random_name(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(cluster_job, "hash_value", lambda _: uuid.uuid4().hex)


def _no_owner(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(cluster_job, "_workflow", lambda _: [])


def _ignores_termination(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(ClusterLauncher, "_suspended_on_termination", lambda *_: nullcontext())


def _queue_counts_as_running(patch: pytest.MonkeyPatch, house: House) -> None:
    def judge(self: Any, state: JobState) -> None:
        if time.monotonic() - self.began > self.placement.running_seconds:
            raise JobLate("too late")

    patch.setattr(cluster_job._Patience, "judge", judge)


def _believes_every_failure(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(cluster_job._Patience, "stands", lambda self, state: state.phase == "failing")


def _streams_nothing(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(PodWatch, "_follow", lambda *_: None)


def _first_log_only(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(PodWatch, "_tell_tail", lambda *_: None)


MUTANTS: list[tuple[Patch, Callable[[House], None], str]] = [
    (_any_end_is_success, fails, ""),
    (_last_condition_only, fails, "pytorchjob"),
    (_deletes_the_job, succeeds, ""),
    (_no_second_try, survives_a_bad_server, ""),
    (_no_adoption, adopts, ""),
    (_random_name, adopts, ""),
    (_no_owner, belongs_to_the_workflow, ""),
    (_ignores_termination, terminated, ""),
    (_queue_counts_as_running, waits_in_the_queue, ""),
    (_believes_every_failure, withdraws_a_failure, "trainjob"),
    (_streams_nothing, streams, ""),
    (_first_log_only, fails, ""),
]


@pytest.mark.parametrize(
    ("house", "mutant", "scenario"),
    [
        case
        for mutant, scenario, only in MUTANTS
        for case in _both(mutant.__name__[1:], mutant, scenario, only=only)
    ],
    indirect=["house"],
)
def test_a_faulty_launcher_is_caught(
    house: House, mutant: Patch, scenario: Callable[[House], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.on_the_double_alone("fault or log to order, without which some of them can't be seen")
    house.placement = Placement(queued_seconds=5, running_seconds=5)  # a faulty launcher waits for ever
    mutant(monkeypatch, house)
    with pytest.raises(BaseException):  # noqa: B017, PT011 whichever way it turns red
        scenario(house)


# What ends a job that cannot go on.


def test_an_image_that_cannot_be_pulled_ends_the_wait(house: House) -> None:
    def play(name: str) -> None:
        house.operators.wait(house.pods(name)[1], house.kind.container, "ImagePullBackOff", "no such tag")

    house.plays(play)
    with pytest.raises(TrainingFailed, match="ImagePullBackOff: no such tag"):
        house.launch()
    assert _suspended(house)


def test_a_bad_minute_of_the_registry_does_not(house: House) -> None:
    def play(name: str) -> None:
        house.operators.wait(house.pods(name)[1], house.kind.container, "ErrImagePull", "timeout")
        time.sleep(1.5)
        house.running(name)
        house.succeed(name)

    house.plays(play)
    house.launch(grace=30)


@pytest.mark.parametrize("phase", ["queued", "running"])
def test_patience_ends(house: House, phase: str) -> None:
    if phase == "running":
        house.plays(house.running)
    with pytest.raises(JobLate, match="ran" if phase == "running" else "waited"):
        house.launch(Placement(queued_seconds=1 if phase == "queued" else 30, running_seconds=1))
    assert _suspended(house)


def test_a_deleted_job_is_lost(house: House) -> None:
    house.plays(lambda name: (time.sleep(0.3), house.server.delete(*house.key, name)))
    with pytest.raises(JobLost):
        house.launch()


def test_a_log_that_does_not_end_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.on_the_double_alone("log without an end")
    monkeypatch.setattr(pods, "LOG_SECONDS", 0.5)

    def play(name: str) -> None:
        house.running(name)
        for pod in house.pods(name):
            house.operators.phase(pod, "Succeeded")

    house.plays(play)
    house.launch()
    assert house.lines[-1] == "[rank 0] its log does not end; last lines may be missing"


def test_somebody_elses_job_of_that_name_is_left_alone(house: House) -> None:
    house.plays(lambda name: (house.running(name), house.succeed(name)))
    house.launch()
    (job,) = house.jobs()
    change = {"metadata": {"annotations": {cluster_job.DIGEST: "other"}}}
    house.server.patch(*house.key, job["metadata"]["name"], change)
    with pytest.raises(TrainingFailed, match="something else"):
        house.launch()


def test_without_the_role_it_says_so(house: House) -> None:
    house.server._roles.clear()
    with pytest.raises(ClusterRefused, match="cannot get pods"):
        house.launch()


def test_the_role_allows_what_is_used_and_nothing_more(house: House, job: Job) -> None:
    house.on_the_double_alone("list of calls")
    fails(house)
    placement = Placement(tolerations=[{"key": "gpu", "operator": "Exists"}])
    house.job = Job(**{**vars(job), "key": "1" * 64})
    with pytest.raises(JobLate):
        house.launch(Placement(**{**vars(placement), "queued_seconds": 1.0}))
    used = {
        (c.group, c.resource, c.verb)
        for c in house.server.calls
        if c.user == "medgantry-pipeline" and c.resource
    }
    allowed = {
        (group, resource, verb)
        for role in house.server._roles
        if role["kind"] == "Role" and role["metadata"]["name"] == "medgantry-launch"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    other = {"trainjobs", "trainingruntimes"} if house.kind.name == "pytorchjob" else {"pytorchjobs"}
    assert used == {item for item in allowed if item[1] not in other}


def _suspended(house: House) -> bool:
    (job,) = house.jobs()
    spec = job["spec"]
    return bool(spec.get("suspend") or spec.get("runPolicy", {}).get("suspend"))
