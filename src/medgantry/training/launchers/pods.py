"""What happens to a job's pods, for a person who reads the step's log."""

import threading
import time
from collections import deque
from collections.abc import Callable

import urllib3
from kubernetes.client.exceptions import ApiException

from medgantry.cluster import Cluster, Manifest
from medgantry.training.launchers.job_kind import JobKind

HOPELESS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
}
"""Reasons a container waits for, which waiting seldom cures."""
GRACE_SECONDS = 120.0
"""How long such a reason may last: a registry may have a bad minute."""
TAIL_LINES = 50
LOG_SECONDS = 30.0
"""How long the log of a job that ended may go on."""

Say = Callable[[str], None]


class PodWatch:
    """Follows rank 0's log and reports events; notices pods that will never start.

    Args:
        cluster: The cluster.
        kind: The job's kind.
        name: The job.
        say: Gets every line.
        grace: Seconds a hopeless reason may last.
    """

    def __init__(
        self, cluster: Cluster, kind: JobKind, name: str, say: Say, grace: float = GRACE_SECONDS
    ) -> None:
        self._cluster, self._kind, self._name, self._say, self._grace = cluster, kind, name, say, grace
        self._told: set[str] = set()
        self._waiting: dict[str, float] = {}
        self._followers: dict[str, _Follower] = {}
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def look(self) -> str:
        """Report what is new; returns why the job cannot start, empty while it can."""
        fault = ""
        for pod in self._cluster.pods(self._kind.pod_selector(self._name)):
            self._tell_events(pod)
            fault = fault or self._hopeless(pod)
            if self._kind.rank(pod) == 0 and pod["status"].get("phase", "Pending") != "Pending":
                self._follow(pod)
        return fault

    def finish(self, *, failed: bool) -> None:
        """Take the rest of rank 0's log; after a failure also the end of the others'."""
        self.look()
        for follower in self._followers.values():
            if not follower.finish():
                self._say("[rank 0] its log does not end; last lines may be missing")
        if not failed:
            return
        for pod in sorted(self._cluster.pods(self._kind.pod_selector(self._name)), key=self._kind.rank):
            rank = self._kind.rank(pod)
            for message in _terminations(pod):
                self._say(f"[rank {rank}] {pod['metadata']['name']} {message}")
            if rank:
                self._tell_tail(pod, rank)

    def _tell_tail(self, pod: Manifest, rank: int) -> None:
        try:
            text = self._cluster.core.read_namespaced_pod_log(
                pod["metadata"]["name"],
                self._cluster.namespace,
                container=self._kind.container,
                tail_lines=TAIL_LINES,
                _request_timeout=30,
            )
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            self._say(f"[rank {rank}] its log cannot be read: {str(error).splitlines()[0]}")
            return
        for line in text.splitlines():
            self._say(f"[rank {rank}] {line}")

    def _tell_events(self, pod: Manifest) -> None:
        name = pod["metadata"]["name"]
        for event in self._cluster.events(name):
            key = f"{event['metadata']['uid']}-{event.get('count')}"
            if key not in self._told:
                self._told.add(key)
                self._say(f"[{name}] {event.get('reason')}: {event.get('message')}")

    def _hopeless(self, pod: Manifest) -> str:
        name, status = pod["metadata"]["name"], pod["status"]
        for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
            waiting = container.get("state", {}).get("waiting") or {}
            key = f"{name}/{container['name']}"
            if waiting.get("reason") not in HOPELESS:
                self._waiting.pop(key, None)
                continue
            since = self._waiting.setdefault(key, time.monotonic())
            if time.monotonic() - since >= self._grace:
                return f"{name}: {waiting['reason']}: {waiting.get('message', '')}"
        return ""

    def _follow(self, pod: Manifest) -> None:
        name = pod["metadata"]["name"]
        if name not in self._followers:
            self._followers[name] = _Follower(self._cluster, name, self._kind.container, self._line)

    def _line(self, line: str) -> None:
        self.tail.append(line)
        self._say(f"[rank 0] {line}")


class _Follower:
    """A thread that reads one container's log to its end, taking it up again where it broke off."""

    def __init__(self, cluster: Cluster, pod: str, container: str, say: Say) -> None:
        self._cluster, self._pod, self._container, self._say = cluster, pod, container, say
        self._last = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"log of {pod}")
        self._thread.start()

    def finish(self) -> bool:
        """Whether all was read."""
        self._stopping.set()
        self._thread.join(LOG_SECONDS)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._read() and not self._stopping.wait(1.0):
            pass
        self._stopping.wait()
        self._read()  # what a stream that ended too early left out

    def _read(self) -> bool:
        """Read until the stream ends; returns whether it ended by itself."""
        try:
            stream = self._cluster.core.read_namespaced_pod_log(
                self._pod,
                self._cluster.namespace,
                container=self._container,
                follow=True,
                timestamps=True,  # tells which lines were seen before the stream broke
                _preload_content=False,
                _request_timeout=(10, 300),
            )
            with stream:
                for raw in stream:
                    self._tell(raw.decode(errors="replace").rstrip("\n"))
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            return False
        return True

    def _tell(self, line: str) -> None:
        stamp, _, text = line.partition(" ")
        if stamp > self._last:
            self._last = stamp
            self._say(text)


def _terminations(pod: Manifest) -> list[str]:
    states = [container.get("state", {}) for container in pod["status"].get("containerStatuses", [])]
    return [
        f"ended with {item['exitCode']} {item.get('reason', '')}: {item.get('message', '').strip()[-500:]}"
        for item in (state.get("terminated") for state in states)
        if item is not None
    ]
