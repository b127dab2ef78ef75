"""What is written down of a running stack, so that another process can find, use and end it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil

STATE = "stack.json"
ID_VARIABLE = "MEDGANTRY_STACK_ID"
STOP_SECONDS = 8.0


class StackError(RuntimeError):
    """The embedded stack could not be started or stopped; the message says what to do."""


def process_record(pid: int) -> dict[str, Any]:
    """What tells a process from a later one with the same id."""
    return {"pid": pid, "started": psutil.Process(pid).create_time()}


def acquire(home: Path) -> int:
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


def write_state(home: Path, state: dict[str, Any]) -> None:
    """Replace the state file as a whole, so that a kill never leaves half of one."""
    temporary = home / f"{STATE}.new"
    temporary.unlink(missing_ok=True)  # its mode would otherwise stay
    with open(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as output:
        json.dump(state, output, indent=1)
    temporary.replace(home / STATE)


def read_state(home: Path) -> dict[str, Any] | None:
    """The state file of a home, or None.

    Raises:
        StackError: If it is not readable.
    """
    path = home / STATE
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


def alive(record: dict[str, Any]) -> psutil.Process | None:
    """The process of a record, unless it ended or its id now belongs to another process."""
    try:
        process = psutil.Process(int(record["pid"]))
        # Two seconds: the start time is derived from the boot time, which moves when the clock is adjusted.
        same = abs(process.create_time() - float(record["started"])) < 2.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def all_alive(state: dict[str, Any]) -> bool:
    """Whether both servers still run."""
    records = state["processes"]
    return {"storage", "tracking"} <= records.keys() and all(alive(record) for record in records.values())


def _members(state: dict[str, Any]) -> list[psutil.Process]:
    """Every living process of a stack: the recorded ones, and all that carry its id (MLflow's workers)."""
    found = {process for record in state["processes"].values() if (process := alive(record))}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(ID_VARIABLE) == state["id"] and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process)
    return list(found)


def stop_processes(state: dict[str, Any], home: Path) -> bool:
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
