"""The embedded laptop stack: a real S3 server (SeaweedFS) and an MLflow server, on 127.0.0.1 only.

Both get credentials and ports at each start and keep their data in one home folder. What was started is
written to `stack.json` before anything is waited for, because a killed runner cannot clean up after itself:
the next start on the same home does it instead.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import subprocess
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

from pipelines.runners.ports import HOST, choose_ports
from pipelines.runners.stack_servers import (
    BUCKETS,
    check_programs,
    server_environment,
    storage_command,
    tracking_command,
)
from pipelines.runners.stack_state import (
    STATE,
    StackError,
    acquire,
    all_alive,
    process_record,
    read_state,
    stop_processes,
    write_state,
)

READY_SECONDS = 60.0

_PROBE = "_stack/probe"
_TAIL_BYTES = 3000


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
        check_programs()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = acquire(self.home)
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
                stop_processes(self._state, self.home)
                (self.home / STATE).unlink(missing_ok=True)
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
        write_state(self.home, state)
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
        state = read_state(self.home)
        if state is None:
            return
        if state["kept"] and all_alive(state):
            raise StackError(
                f"Wanted to start the stack in {self.home}; found one that was left running on purpose "
                f"(MLflow at {state['environment']['MLFLOW_TRACKING_URI']}). Use that one, or stop it first."
            )
        stop_processes(state, self.home)
        (self.home / STATE).unlink(missing_ok=True)

    def _launch(self) -> None:
        for folder in ("logs", "s3"):
            (self.home / folder).mkdir(mode=0o700, exist_ok=True)
        ports = choose_ports(self.home, ("s3", "master", "volume", "filer", "admin", "mlflow"))
        environment = {
            "MEDGANTRY_STORE": f"s3://{BUCKETS[0]}",
            "MEDGANTRY_S3_ENDPOINT": f"{HOST}:{ports['s3']}",
            "MEDGANTRY_S3_TLS": "false",
            "AWS_ACCESS_KEY_ID": f"MG{secrets.token_hex(9).upper()}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
            "MLFLOW_TRACKING_URI": f"http://{HOST}:{ports['mlflow']}",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",  # a minute, as its files lie in the S3 server
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
        write_state(self.home, self._state)
        server = server_environment(environment, self._state["id"])
        self._spawn("storage", storage_command(ports), server)
        self._spawn("tracking", tracking_command(ports["mlflow"]), server)

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
            state["processes"][name] = process_record(child.pid)
        write_state(self.home, state)

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
    state = read_state(Path(home).absolute())
    if state is None or not state["kept"] or not all_alive(state):
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
    if not (home / STATE).exists():
        return False
    lock = acquire(home)
    try:
        state = read_state(home)
        if state is None:
            return False
        stopped = stop_processes(state, home)
        (home / STATE).unlink(missing_ok=True)
        return stopped
    finally:
        os.close(lock)


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
