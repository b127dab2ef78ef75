"""What steps print: records go to the display, the rest to a log per step, and its tail is kept for what fails."""

import json
import re
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from medgantry.steps import LINE_KEY
from pipelines.runners.display import Display

_TASK = re.compile(r'"outputFile": ?"[^"]*/([^/"]+)/executor_output\.json"')


class StepLogs:
    """The logs of one run.

    Args:
        folder: Where they lie.
        display: Gets the records.
    """

    def __init__(self, folder: Path, display: Display) -> None:
        folder.mkdir(parents=True)
        self._folder, self._display = folder, display
        self._lock = threading.Lock()
        self._count = 0
        self.failures: list[tuple[str, int, str]] = []
        """Name, exit code (negative for a signal) and tail of every step that failed."""

    def name(self, command: Sequence[str]) -> str:
        """A name for the step that kfp.local runs by this command."""
        found = _TASK.search(" ".join(command))
        with self._lock:
            self._count += 1
            return f"{self._count:03d}-{found[1] if found else 'step'}"

    def follow(self, name: str, lines: Iterable[str]) -> str:
        """Take a step's lines until it ends; returns the last of them."""
        tail: deque[str] = deque(maxlen=60)
        with (self._folder / f"{name}.log").open("w") as log:
            for line in lines:
                if line.startswith(f'{{"{LINE_KEY}"'):
                    self._display.show(json.loads(line)[LINE_KEY])
                else:
                    log.write(line)
                    log.flush()
                    tail.append(line)
        return "".join(tail)

    def fail(self, name: str, code: int, tail: str) -> None:
        """Note that a step failed."""
        self.failures.append((name, code, tail))
