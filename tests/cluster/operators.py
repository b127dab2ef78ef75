"""What stands behind the API server: the operators' transitions, and a kubelet that runs pods as processes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.runners.ports import free_port
from tests.cluster.api_server import ApiServer, Object, Refusal

PYTORCH = ("kubeflow.org", "pytorchjobs")
TRAIN = ("trainer.kubeflow.org", "trainjobs")
SCRIPTED = "medgantry.test/scripted"
_PORT = "medgantry.test/port"


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> Object:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    held = {"type": kind, "status": status, "reason": reason or kind, "message": message}
    return {**held, "lastTransitionTime": now}


class Operators:
    """Makes pods for PyTorchJobs and TrainJobs, and conditions of what becomes of the pods.

    Args:
        server: The API server.
        environment: ConfigMap or Secret name -> its variables.
        runs: Whether pods run as processes; otherwise they stay Pending until a test says more.
    """

    def __init__(
        self, server: ApiServer, environment: Mapping[str, Mapping[str, str]] | None = None, *, runs: bool
    ) -> None:
        self._server, self._environment, self._runs = server, environment or {}, runs
        self._stopping = threading.Event()
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(10)
        for name in list(self._processes):
            self._kill(name)

    def _loop(self) -> None:
        while not self._stopping.wait(0.05):
            for (group, plural), reconcile in ((PYTORCH, self._pytorch), (TRAIN, self._train)):
                for job in self._server.list(group, plural):
                    with contextlib.suppress(Refusal):  # deleted meanwhile
                        reconcile(job)
            jobs = {job["metadata"]["name"] for kind in (PYTORCH, TRAIN) for job in self._server.list(*kind)}
            for name in list(self._processes):
                if name.rsplit("@", 1)[1] not in jobs:
                    self._kill(name)

    def _pytorch(self, job: Object) -> None:
        replicas = job["spec"]["pytorchReplicaSpecs"]
        workers = replicas.get("Worker", {}).get("replicas", 0)
        suspended = bool(job["spec"].get("runPolicy", {}).get("suspend"))
        each = job["spec"].get("nprocPerNode", "1")
        pods = []
        for index in range(1 + workers):
            kind, number = ("master", 0) if index == 0 else ("worker", index - 1)
            template = replicas["Master" if index == 0 else "Worker"]["template"]
            labels = {
                "training.kubeflow.org/job-name": job["metadata"]["name"],
                "training.kubeflow.org/replica-type": kind,
                "training.kubeflow.org/replica-index": str(number),
            }
            pods.append((f"{job['metadata']['name']}-{kind}-{number}", template, labels))
        phases = self._pods(job, pods, "pytorch", each, suspended)
        status: list[Object] = [condition("Created")]
        if suspended:
            status.append(condition("Suspended", reason="PyTorchJobSuspended"))
        elif "Failed" in phases:
            # The newest condition is not always the last of the list.
            status = [condition("Failed", reason="PyTorchJobFailed", message="a replica failed"), *status]
        elif phases[0] == "Succeeded":
            status.append(condition("Running", "False"))
            status.append(condition("Succeeded", reason="PyTorchJobSucceeded"))
        elif "Running" in phases:
            status.append(condition("Running"))
        self._say(PYTORCH, job, {"conditions": status})

    def _train(self, job: Object) -> None:
        trainer = job["spec"]["trainer"]
        name = job["metadata"]["name"]
        suspended = bool(job["spec"].get("suspend"))
        reference = job["spec"]["runtimeRef"]["name"]
        runtime = self._server.get("trainer.kubeflow.org", "trainingruntimes", reference)
        node = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
        container = {**node["spec"]["containers"][0]}
        container |= {key: trainer[key] for key in ("image", "command") if key in trainer}
        container["env"] = [*container.get("env", []), *trainer.get("env", [])]
        template = {**node, "spec": {**node["spec"], "containers": [container]}}
        pods = []
        for index in range(int(trainer.get("numNodes", 1))):
            labels = {
                "jobset.sigs.k8s.io/jobset-name": name,
                "batch.kubernetes.io/job-completion-index": str(index),
            }
            pods.append((f"{name}-node-0-{index}", template, labels))
        phases = self._pods(job, pods, "node", str(trainer.get("numProcPerNode", 1)), suspended)
        counts = {
            "active": phases.count("Running") + phases.count("Pending"),
            "ready": phases.count("Running"),
            "succeeded": int(set(phases) == {"Succeeded"}),
            "failed": int("Failed" in phases),
            "suspended": 0,
            "name": "node",
        }
        status: list[Object] = []
        if suspended:
            status.append(condition("Suspended", reason="Suspended"))
        elif "Failed" in phases:
            status.append(condition("Failed", reason="FailedJobs", message="jobset failed"))
        elif set(phases) == {"Succeeded"}:
            status.append(condition("Complete", reason="JobsCompleted"))
        active = counts if "Running" in phases or "Succeeded" in phases else {**counts, "active": 0}
        self._say(TRAIN, job, {"conditions": status, "jobsStatus": [active]})

    def _say(self, kind: tuple[str, str], job: Object, status: Object) -> None:
        if SCRIPTED in job["metadata"].get("annotations", {}):
            return  # a test plays the operator for this job
        self._server.patch(*kind, job["metadata"]["name"], {"status": status}, sub="status")

    def _pods(
        self,
        job: Object,
        wanted: list[tuple[str, Object, Object]],
        container: str,
        each: str,
        suspended: bool,
    ) -> list[str]:
        present = {pod["metadata"]["name"]: pod for pod in self._server.list("", "pods")}
        phases = []
        first = present.get(wanted[0][0])
        port = first["metadata"]["annotations"][_PORT] if first else str(free_port())
        for index, (name, template, labels) in enumerate(wanted):
            key = f"{name}@{job['metadata']['name']}"
            if suspended:
                if name in present:
                    self._kill(key)
                    self._server.delete("", "pods", name)
                phases.append("Pending")
                continue
            if name not in present:
                owner = {"kind": job["kind"], "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
                owner["apiVersion"] = job["apiVersion"]
                pod = {
                    "metadata": {
                        "name": name,
                        "labels": labels,
                        "annotations": {_PORT: port},
                        "ownerReferences": [owner],
                    },
                    "spec": template["spec"],
                    "status": {"phase": "Pending"},
                }
                present[name] = self._server.create("", "pods", pod)
                if self._runs:
                    rank = {
                        "PET_NNODES": str(len(wanted)),
                        "PET_NODE_RANK": str(index),
                        "PET_NPROC_PER_NODE": each,
                    }
                    rank |= {"PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": port}
                    self._start(key, name, present[name], container, rank)
            phases.append(self._server.get("", "pods", name)["status"]["phase"])
        return phases

    def _start(self, key: str, name: str, pod: Object, container: str, rank: Mapping[str, str]) -> None:
        """The kubelet: the container's command as a process, with the environment that the operator sets."""
        spec = next(item for item in pod["spec"]["containers"] if item["name"] == container)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        for source in spec.get("envFrom", []):
            reference = source.get("configMapRef") or source["secretRef"]
            if reference["name"] in self._environment:
                environment |= self._environment[reference["name"]]
            elif not reference.get("optional"):
                self.wait(name, container, "CreateContainerConfigError", f"{reference['name']} not found")
                return
        environment |= {item["name"]: item["value"] for item in spec.get("env", [])}
        environment |= rank
        environment["MEDGANTRY_CACHE"] = environment["MEDGANTRY_CACHE"].replace(
            "/cache", f"/tmp/{name}-cache"
        )
        command = [sys.executable if part == "python" else part for part in spec["command"]]
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes[key] = process
        self.phase(name, "Running")
        threading.Thread(target=self._attend, args=(key, name, container, process), daemon=True).start()

    def _attend(self, key: str, name: str, container: str, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            last = line
            self._server.write_log(name, line.rstrip("\n"))
        code = process.wait()
        self._processes.pop(key, None)
        self._server.end_log(name)
        ended = {
            "terminated": {"exitCode": code, "reason": "Error" if code else "Completed", "message": last}
        }
        with contextlib.suppress(Refusal):  # deleted with its job
            self.phase(name, "Failed" if code else "Succeeded", container, ended)

    def phase(self, pod: str, phase: str, container: str = "", state: Object | None = None) -> None:
        status: dict[str, Any] = {"phase": phase}
        if state:
            status["containerStatuses"] = [_container_status(container, state)]
        self._server.patch("", "pods", pod, {"status": status}, sub="status")

    def wait(self, pod: str, container: str, reason: str, message: str) -> None:
        """Let a container wait for a reason."""
        self.phase(pod, "Pending", container, {"waiting": {"reason": reason, "message": message}})

    def _kill(self, key: str) -> None:
        process = self._processes.pop(key, None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def script(server: ApiServer, kind: tuple[str, str], steps: Callable[[str], None]) -> threading.Thread:
    """Play the operator for the first job that appears."""

    def play() -> None:
        while not (jobs := server.list(*kind)):
            threading.Event().wait(0.02)
        steps(str(jobs[0]["metadata"]["name"]))

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    return thread


def set_status(server: ApiServer, kind: tuple[str, str], name: str, status: Object) -> None:
    """Write a job's status as a test wants it."""
    server.patch(*kind, name, {"metadata": {"annotations": {SCRIPTED: "true"}}})
    server.patch(*kind, name, {"status": status}, sub="status")


def _container_status(name: str, state: Object) -> Object:
    return {"name": name, "image": "", "imageID": "", "ready": False, "restartCount": 0, "state": state}
