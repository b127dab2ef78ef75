"""Steps and model servers as processes of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import kfp.local
import psutil
from kfp.local import subprocess_task_handler

from medgantry.processes import die_with_parent
from pipelines.runners.ports import free_port
from pipelines.runners.stack_state import alive, process_record
from pipelines.runners.step_logs import StepLogs


class Processes:
    """The place of `--on subprocess`."""

    def __init__(self) -> None:
        self._environment: dict[str, str] = {}

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """As they are."""
        return values

    def open(self, environment: dict[str, str]) -> None:
        """Steps of kfp.local inherit this process's environment."""
        self._environment = environment | {"MEDGANTRY_TETHERED": "1"}
        os.environ.update(self._environment)

    def close(self) -> None:
        """Processes end with their parent."""

    @contextmanager
    def steps(self, logs: StepLogs) -> Iterator[Any]:
        """Run kfp.local's tasks by `_run`."""
        original = subprocess_task_handler.run_local_subprocess
        subprocess_task_handler.run_local_subprocess = lambda full_command, env_vars=None: _run(
            logs, full_command, env_vars or {}
        )
        try:
            yield kfp.local.SubprocessRunner(use_venv=False)
        finally:
            subprocess_task_handler.run_local_subprocess = original

    def serve(self, name: str, prefix: str, log: Path) -> "ServerProcess":
        """Start one on a free port; it gets a session of its own, as a server that is kept outlives us."""
        port = free_port()
        command = [sys.executable, "-m", "medgantry.serving", "--name", name]
        command += ["--prefix", prefix, "--host", "127.0.0.1", "--page"]
        command += ["--port", str(port), "--grpc-port", str(free_port())]
        environment = {**os.environ, **self._environment}
        environment.pop("MEDGANTRY_TETHERED", None)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return ServerProcess(process, f"http://127.0.0.1:{port}")


class ServerProcess:
    """A model server as a process.

    Args:
        process: The process.
        url: Its address.
    """

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process, self.url = process, url

    def ended(self) -> bool:
        """Whether it is gone by itself."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Terminate, or kill what does not listen."""
        end_process(self._process)

    def record(self) -> dict[str, Any]:
        """Process ID and start."""
        return {} if self.ended() else process_record(self._process.pid)


def end_recorded(record: dict[str, Any]) -> None:
    """End a server that another runner left."""
    process = alive(record) if record else None
    if process is not None:
        end_process(process)


def end_process(process: psutil.Process | subprocess.Popen[bytes]) -> None:
    """Terminate, or kill what does not listen; one that has ended is left alone."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(timeout=5)
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            process.kill()
            process.wait()


def _run(logs: StepLogs, command: list[str], env_vars: dict[str, str]) -> int:
    """Stand in for `kfp.local.subprocess_task_handler.run_local_subprocess`."""
    name = logs.name(command)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **env_vars},
        preexec_fn=die_with_parent,  # noqa: PLW1509 two system calls, no locks taken
    ) as process:
        assert process.stdout is not None
        tail = logs.follow(name, process.stdout)
    if process.returncode:
        logs.fail(name, process.returncode, tail)
    return process.returncode
