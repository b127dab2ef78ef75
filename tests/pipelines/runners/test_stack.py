"""The embedded stack, with the real servers."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from minio import Minio
from minio.error import S3Error

from pipelines.runners import stack as stack_module
from pipelines.runners.stack import Stack, StackError, down, running

REPOSITORY = Path(__file__).resolve().parents[3]

# Runs MLflow's client away from the test's process: it reads its settings from the environment once.
REGISTER = """
import mlflow
mlflow.set_experiment("stack")
with mlflow.start_run() as run:
    mlflow.log_text("content", "note.txt")
client = mlflow.MlflowClient()
client.create_registered_model("seg")
client.create_model_version("seg", f"runs:/{run.info.run_id}/note.txt", run.info.run_id)
"""
READ_BACK = """
import mlflow
version = mlflow.MlflowClient().get_model_version("seg", "1")
print(mlflow.artifacts.load_text(f"runs:/{version.run_id}/note.txt"))
"""
# start | detach | kill: the last argument says what the child does once the stack is up.
RUNNER = """
import os, signal, sys
from pathlib import Path
from pipelines.runners.stack import Stack
stack = Stack(Path(sys.argv[1]))
stack.start()
print(stack.storage_pid, stack.tracking_pid, flush=True)
if sys.argv[2] == "detach":
    stack.detach()
else:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # A name that would not survive in a database URI.
    folder = tmp_path_factory.mktemp("stack") / "a home%20#1"
    yield folder
    if (folder / "stack.json").exists():
        down(folder)


def client(environment: dict[str, str]) -> Minio:
    return Minio(
        environment["MEDGANTRY_S3_ENDPOINT"],
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=environment["AWS_SECRET_ACCESS_KEY"],
        secure=environment["MEDGANTRY_S3_TLS"] == "true",
    )


def get(minio: Minio, name: str) -> bytes:
    response = minio.get_object("medgantry", name)
    try:
        return bytes(response.read())
    finally:
        response.close()
        response.release_conn()


def python(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def of_home(home: Path) -> list[psutil.Process]:
    """All processes that work in a home, however they came to be."""
    result = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == home:
                result.append(process)
        except psutil.Error:
            continue
    return result


def listening(home: Path) -> set[str]:
    """The addresses on which the processes of a home accept connections."""
    found = [connection for process in of_home(home) for connection in process.connections()]
    return {connection.laddr.ip for connection in found if connection.status == "LISTEN"}


def test_serves_objects_and_artifacts_and_keeps_them_over_a_restart(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # What a user's shell may hold must not reach the servers.
    proxy = "http://127.0.0.1:9"
    for name, value in {"AWS_PROFILE": "absent", "AWS_SESSION_TOKEN": "other", "http_proxy": proxy}.items():
        monkeypatch.setenv(name, value)
    content = secrets.token_bytes(100_000)
    with Stack(home) as first:
        before = first.environment
        assert before["MEDGANTRY_STORE"] == "s3://medgantry"
        assert before["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
        assert (home / "stack.json").stat().st_mode & 0o777 == 0o600
        minio = client(before)
        minio.put_object("medgantry", "a/b", io.BytesIO(content), len(content))
        assert get(minio, "a/b") == content
        with pytest.raises(S3Error, match=r"InvalidAccessKeyId|SignatureDoesNotMatch"):
            client({**before, "AWS_SECRET_ACCESS_KEY": "wrong"}).list_buckets()
        variables = {**before, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        registered = python(REGISTER, **variables)
        assert registered.returncode == 0, registered.stderr
        names = [item.object_name for item in minio.list_objects("mlflow", recursive=True)]
        assert len(names) == 1
        assert names[0].endswith("/note.txt")
        assert running(home) is None  # it ends with this runner, so it is offered to nobody else
        assert listening(home) == {"127.0.0.1"}
    assert not of_home(home)
    assert not (home / "stack.json").exists()
    assert down(home) is False

    taken = [int(before[key].rsplit(":", 1)[1]) for key in ("MEDGANTRY_S3_ENDPOINT", "MLFLOW_TRACKING_URI")]
    listeners = [socket.create_server(("127.0.0.1", port)) for port in taken]
    try:
        with Stack(home) as second:
            after = second.environment
            for key in ("MEDGANTRY_S3_ENDPOINT", "MLFLOW_TRACKING_URI", "AWS_SECRET_ACCESS_KEY"):
                assert after[key] != before[key]
            assert get(client(after), "a/b") == content
            old_keys = {key: before[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
            with pytest.raises(S3Error, match="InvalidAccessKeyId"):
                client({**after, **old_keys}).list_buckets()
            read = python(READ_BACK, **{**after, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
            assert read.stdout.strip() == "content", read.stderr
    finally:
        for listener in listeners:
            listener.close()
    assert capfd.readouterr().out == ""


def test_next_start_cleans_up_after_a_killed_runner_and_a_second_start_is_refused(home: Path) -> None:
    killed = python(RUNNER, str(home), "kill")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    old = [int(word) for word in killed.stdout.split()]
    assert all(map(alive, old))
    assert running(home) is None
    with Stack(home) as stack:
        assert not any(map(alive, old))
        assert {stack.storage_pid, stack.tracking_pid}.isdisjoint(old)
        for attempt in (Stack(home).start, lambda: down(home)):
            with pytest.raises(StackError, match=rf"in use by another runner \(process {os.getpid()} holds"):
                attempt()
        assert alive(stack.storage_pid)
        assert alive(stack.tracking_pid)
    assert not of_home(home)


def test_kept_stack_is_found_protected_and_taken_down(home: Path) -> None:
    kept = python(RUNNER, str(home), "detach")
    assert kept.returncode == 0, kept.stderr
    pids = [int(word) for word in kept.stdout.split()]
    environment = running(home)
    assert environment is not None
    assert all(map(alive, pids))
    with urllib.request.urlopen(f"{environment['MLFLOW_TRACKING_URI']}/version", timeout=10) as response:
        assert response.status == 200
    with pytest.raises(StackError, match="left running on purpose"):
        Stack(home).start()
    assert all(map(alive, pids))

    # Another process with a recorded id is neither taken for ours nor stopped.
    state = json.loads((home / "stack.json").read_text())
    with subprocess.Popen(["sleep", "60"]) as bystander:
        forged = json.loads(json.dumps(state))
        forged["processes"]["storage"]["pid"] = bystander.pid
        forged["processes"]["storage"]["started"] -= 3600
        (home / "stack.json").write_text(json.dumps(forged))
        assert running(home) is None
        # The MLflow command is gone from the record's view, its workers are still found by the stack's id.
        os.kill(pids[1], signal.SIGKILL)
        assert down(home) is True
        assert bystander.poll() is None
        bystander.kill()
    assert not of_home(home)
    assert running(home) is None
    assert down(home) is False


def test_failed_start_shows_the_log_and_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = stack_module.tracking_command
    monkeypatch.setattr(stack_module, "tracking_command", lambda port: [*command(port), "--nosuchflag"])
    begin = time.monotonic()
    stack = Stack(home)
    with pytest.raises(StackError, match=r"it ended with code 2[\s\S]*No such option[\s\S]*nosuchflag"):
        stack.start()
    assert time.monotonic() - begin < stack_module.READY_SECONDS / 2
    assert not of_home(home)
    assert not (home / "stack.json").exists()


def test_unreadable_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(StackError, match="remove the file"):
        Stack(tmp_path).start()
    with pytest.raises(StackError, match="not started by this object"):
        Stack(tmp_path).detach()
