"""Pipelines as a person runs them: in a folder of their own, with real servers behind them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Laptop:
    """A folder in which `.medgantry` is new.

    Args:
        folder: The folder.
        environment: Variables of every command; nothing of this process's is handed down.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        # The library beside these tests is meant, whatever is installed.
        paths = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        self._environment = paths | dict(environment or {})

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Begin `python -m pipelines`; the options are those of Popen."""
        command = [sys.executable, "-m", "pipelines", *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self._environment, text=True, **options)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whichever that is."""
        process = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, errors = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def run(self, name: str, *options: str, **parameters: Any) -> tuple[int, dict[str, Any], str]:
        """Run a pipeline; returns the exit code, its JSON, and what it said."""
        done = self.call("run", name, "--json", *options, *as_options(parameters))
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout), done.stdout + done.stderr

    def variables(self) -> dict[str, str]:
        """Of the stack that a run with `--keep` left."""
        lines = [line.removeprefix("export ").partition("=") for line in self.call("env").stdout.splitlines()]
        return {name: value.strip("'") for name, _, value in lines}

    def of_run(self, document: Mapping[str, Any], pattern: str) -> Iterable[Path]:
        """Files that steps of a run wrote."""
        return (self.folder / ".medgantry/runs" / document["run_id"]).rglob(pattern)

    def output(self, document: Mapping[str, Any], pattern: str) -> Path:
        """The newest of them."""
        return max(self.of_run(document, pattern), key=os.path.getmtime)


def as_options(parameters: Mapping[str, Any]) -> list[str]:
    """Parameters as the command line takes them; what is no text becomes JSON."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()
    }
    return [part for name, text in texts.items() for part in ("-p", f"{name}={text}")]
