"""Steps and model servers in containers of our images, over the socket of Docker or Podman.

They run as a cluster runs them: no root, no capabilities, a file system that is read-only but for declared places,
and a network whose only ways out are the S3 server, MLflow, and what this machine itself offers on every address.
"""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import docker.errors
import kfp.local
from kfp.local import docker_task_handler

from components import images
from medgantry.errors import MedgantryError
from pipelines.runners.relay import Relay
from pipelines.runners.step_logs import StepLogs

_LABEL = "medgantry.home"
_PASSED_ON = ("MEDGANTRY_", "AWS_", "MLFLOW_", "OMP_", "PYTHONUNBUFFERED", "DO_NOT_TRACK")
_THROUGH_MLFLOW = {
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
}
"""MLflow would hand out addresses in the S3 server as this machine has them, which the network does not know."""
_LOOPBACK = ("127.0.0.1", "localhost")
_USER = os.getuid() or 10001


class ContainersUnavailable(MedgantryError):
    """No engine answers, or it lacks our images."""


class Containers:
    """The place of `--on containers`.

    Args:
        home: Whose containers these are; what an earlier run of it left is removed first.
    """

    def __init__(self, home: Path) -> None:
        if sys.platform != "linux":
            raise ContainersUnavailable("--on containers needs Linux.", "Use --on subprocess.")
        self._home = home.resolve()
        self._labels = {_LABEL: str(self._home)}
        self._environment: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._sources: list[str] = []
        self._relay: Relay | None = None
        try:
            self._docker = docker.from_env()
            self._docker.ping()
        except docker.errors.DockerException as error:
            raise ContainersUnavailable(
                f"No container engine answers: {error}.",
                "Start Docker, or `podman system service --time=0 unix:///run/podman/podman.sock` and set "
                "DOCKER_HOST to that address.",
            ) from error
        for name in (images.DATA, images.TORCH, images.SERVE):
            self._image(name)

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """Parameters that name a path of this machine, as absolute paths, which steps find read-only."""
        changed = dict(values)
        for name, value in values.items():
            if isinstance(value, str) and value and Path(value).exists():
                changed[name] = str(Path(value).resolve())
                self._sources.append(changed[name])
        return changed

    def open(self, environment: dict[str, str]) -> None:
        """Make the network, with a relay to the S3 server and MLflow as its only way out."""
        self._remove_containers()
        name = f"medgantry-{hashlib.sha256(str(self._home).encode()).hexdigest()[:12]}"
        for left in self._docker.networks.list(names=[name]):
            left.remove()
        self._network = self._docker.networks.create(
            name, driver="bridge", internal=True, labels=self._labels
        )
        self._network.reload()
        gateway = str(self._network.attrs["IPAM"]["Config"][0]["Gateway"])
        settings = {
            key: value for key, value in os.environ.items() if key.startswith(_PASSED_ON)
        } | environment
        targets: dict[int, tuple[str, int]] = {}
        for key, value in settings.items():
            if key in ("MEDGANTRY_S3_ENDPOINT", "MLFLOW_TRACKING_URI"):
                host, port = _address(key, value, settings)
                targets[port] = (host, port)
                if host in _LOOPBACK:
                    settings[key] = value.replace(host, gateway, 1)
                else:
                    self._hosts[host] = gateway
        self._relay = Relay(gateway, targets)
        settings.pop("MEDGANTRY_TETHERED", None)
        self._environment = settings | _THROUGH_MLFLOW
        cache = Path(environment["MEDGANTRY_CACHE"])
        _open_to_steps(cache)
        self._cache = str(cache)

    def close(self) -> None:
        """Remove containers, network and relay."""
        self._remove_containers()
        with suppress(docker.errors.APIError):
            self._network.remove()
        if self._relay is not None:
            self._relay.stop()

    @contextmanager
    def steps(self, logs: StepLogs) -> Iterator[Any]:
        """Run kfp.local's tasks by `run_step`, which knows how a container ended; kfp's own takes some failures for success."""
        original = docker_task_handler.run_docker_container
        before = os.umask(0 if os.getuid() == 0 else 0o022)  # kfp.local makes the folders that steps write to

        def run(client: Any, image: str, command: list[str], volumes: dict[str, Any], **_: Any) -> int:
            return self.run_step(logs, image, command, volumes)

        docker_task_handler.run_docker_container = run
        try:
            yield kfp.local.DockerRunner()
        finally:
            docker_task_handler.run_docker_container = original
            os.umask(before)

    def serve(self, name: str, prefix: str, log: Path) -> "ServerContainer":
        """Start one; people on this machine reach it by its address in the network."""
        command = ["python", "-m", "medgantry.serving", "--name", name, "--prefix", prefix]
        container = self._start(images.SERVE, [*command, "--port", "8080", "--page"], {})
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"][self._network.name]["IPAddress"]
        return ServerContainer(container, f"http://{address}:8080", log)

    def run_step(self, logs: StepLogs, image: str, command: list[str], volumes: dict[str, Any]) -> int:
        """Run a step to its end; returns its exit code."""
        name = logs.name(command)
        for path in volumes:
            _open_to_steps(Path(path))
        mounts = volumes | {path: {"bind": path, "mode": "ro"} for path in self._sources}
        container = self._start(image, command, mounts | {self._cache: {"bind": self._cache, "mode": "rw"}})
        try:
            tail = logs.follow(name, _lines(container.logs(stream=True, follow=True)))
            code = int(container.wait()["StatusCode"])
        finally:
            _remove(container)
        if code:
            logs.fail(name, -(code - 128) if code > 128 else code, tail)
        return code

    def _start(self, image: str, command: list[str], volumes: Mapping[str, Any]) -> Any:
        return self._docker.containers.run(
            image=self._image(image).id,
            command=command,
            detach=True,
            labels=self._labels,
            environment=self._environment,
            extra_hosts=self._hosts,
            network=self._network.name,
            volumes=dict(volumes),
            user=f"{_USER}:0",
            read_only=True,
            tmpfs={"/tmp": "size=4g,mode=1777"},
            shm_size="2g",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )

    def _image(self, name: str) -> Any:
        for candidate in (name, f"localhost/{name}"):  # as Docker and as Podman call what was built here
            with suppress(docker.errors.ImageNotFound):
                return self._docker.images.get(candidate)
        raise ContainersUnavailable(f"There is no image {name} here.", "Build it with `make images`.")

    def _remove_containers(self) -> None:
        filters = {"label": f"{_LABEL}={self._home}"}
        for container in self._docker.containers.list(all=True, filters=filters):
            _remove(container)


class ServerContainer:
    """A model server in a container.

    Args:
        container: The container.
        url: Its address.
        log: Where its output is kept when it ends.
    """

    def __init__(self, container: Any, url: str, log: Path) -> None:
        self._container, self.url, self._log = container, url, log
        log.touch()

    def ended(self) -> bool:
        """Whether it is gone by itself."""
        self._container.reload()
        gone = self._container.status not in ("created", "running")
        if gone:
            self._log.write_bytes(self._container.logs())
        return gone

    def stop(self) -> None:
        """Remove it."""
        with suppress(docker.errors.NotFound):
            self._log.write_bytes(self._container.logs())
        _remove(self._container)

    def record(self) -> dict[str, Any]:
        """Nothing: containers are found by their label."""
        return {}


def _open_to_steps(folder: Path) -> None:
    """Let a step's user write here; the home around it is its owner's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        folder.chmod(0o777)


def _address(name: str, value: str, settings: Mapping[str, str]) -> tuple[str, int]:
    """Host and port of a server by its variable."""
    tls = settings.get("MEDGANTRY_S3_TLS", "").lower() != "false"
    parts = urlsplit(value if "://" in value else f"{'https' if tls else 'http'}://{value}")
    if not parts.hostname:
        raise ContainersUnavailable(f"{name}={value} names no host.")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _lines(chunks: Any) -> Iterator[str]:
    """Lines of a log that comes in pieces."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (f"{line.decode(errors='replace')}\n" for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _remove(container: Any) -> None:
    with suppress(docker.errors.NotFound):
        container.remove(force=True)
