"""What a person sees while a pipeline runs: one line per step, with state, time and progress."""

import sys
import threading
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_SECONDS_BETWEEN_PLAIN_LINES = 10.0


class Display:
    """Shows step records; bars on a terminal, plain lines elsewhere. Writes to stderr."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, soft_wrap=True)
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._states: dict[str, tuple[str, float]] = {}
        columns = (
            TextColumn("{task.description:<22}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=self._console) if self._console.is_terminal else None
        if self._bars:
            self._bars.start()

    def show(self, record: dict[str, Any]) -> None:
        """Show a record as it is now."""
        name = step_name(record)
        done, total = record["progress"].get("done", 0), record["progress"].get("total", 0)
        note = {"running": f"{done}/{total} {record['progress'].get('unit', '')}" if total else ""}.get(
            record["state"], "reused" if record["reused"] else record["state"]
        )
        with self._lock:
            if self._bars:
                if name not in self._tasks:
                    self._tasks[name] = self._bars.add_task(name, total=None, note="")
                finished = record["state"] != "running"
                self._bars.update(
                    self._tasks[name],
                    total=1 if finished else total or None,
                    completed=1 if finished else done,
                    note=note,
                )
            else:
                self._plain(name, note, record)

    def _plain(self, name: str, note: str, record: dict[str, Any]) -> None:
        state, said = self._states.get(name, ("", 0.0))
        if state == record["state"] and time.monotonic() - said < _SECONDS_BETWEEN_PLAIN_LINES:
            return
        self._states[name] = (record["state"], time.monotonic())
        seconds = (record["ended"] or time.time()) - record["started"]
        self._console.print(f"{name:<22} {note or record['state']:<24} {seconds:6.1f} s", highlight=False)

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text, highlight=False, markup=False)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._bars:
            self._bars.stop()


def step_name(record: dict[str, Any]) -> str:
    """`preprocess_shard[3]` for iteration 3."""
    iteration = f"[{record['iteration']}]" if record["iteration"] >= 0 else ""
    return f"{record['step']}{iteration}"
