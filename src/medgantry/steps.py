"""The step record: what a step does, seen from outside while it runs and after it ended.

A step writes `runs/<run id>/steps/<step>.json` to the store and the same as JSON lines on stdout. Runner, exit
step and `--json` read nothing else.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medgantry.errors import MedgantryError
from medgantry.fingerprint import canonical_json
from medgantry.processes import die_with_parent
from medgantry.storage import ObjectStore, fetch_folder, folder_exists, publish_folder
from medgantry.storage.folders import replace_folder

LINE_KEY = "medgantry_step"
"""The only key of a progress line on stdout."""
_SECONDS_BETWEEN_LINES = 0.5


@dataclass(kw_only=True)
class StepRecord:
    """State of one step of one run."""

    step: str
    iteration: int = -1
    """Index within a fan-out; -1 outside of one."""
    state: str = "running"
    """`running`, `succeeded` or `failed`."""
    reused: bool = False
    """Whether earlier work was found and taken."""
    started: float = field(default_factory=time.time)
    ended: float = 0.0
    """Seconds since the epoch; 0 while running."""
    progress: dict[str, Any] = field(default_factory=dict)
    """`done`, `total`, `unit`."""
    verdicts: dict[str, int] = field(default_factory=dict)
    """Ledger counts: ok, repaired, rejected."""
    keys: list[str] = field(default_factory=list)
    """Prefixes in the store that this step wrote or used."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the step found out and a reader of the run wants to know."""
    error: dict[str, str] = field(default_factory=dict)
    """`class`, `message`, `remedy`."""
    _said: float = 0.0

    def advance(self, done: float, total: float, unit: str) -> None:
        """Report progress; shown at most twice a second."""
        self.progress = {"done": done, "total": total, "unit": unit}
        if time.monotonic() - self._said > _SECONDS_BETWEEN_LINES or done >= total:
            self.say()

    def use(self, prefix: str) -> None:
        """Note that this run refers to a prefix in the store, so that cleaning spares it."""
        if prefix not in self.keys:
            self.keys.append(prefix)

    def document(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        return {key: value for key, value in asdict(self).items() if not key.startswith("_")}

    def say(self) -> None:
        """One JSON line on stdout."""
        self._said = time.monotonic()
        sys.stdout.write(json.dumps({LINE_KEY: self.document()}) + "\n")
        sys.stdout.flush()


@contextmanager
def step(name: str, iteration: int = -1) -> Iterator[StepRecord]:
    """Run a block as a step of the run that `MEDGANTRY_RUN_ID` names.

    The record is written when the block begins and when it ends, also when it fails.
    """
    if os.environ.get("MEDGANTRY_TETHERED"):
        die_with_parent()
    record = StepRecord(step=name, iteration=iteration)
    store = ObjectStore.from_environment()
    _write(store, record)
    try:
        yield record
    except BaseException as error:
        record.state = "failed"
        remedy = error.remedy if isinstance(error, MedgantryError) else ""
        message = error.message if isinstance(error, MedgantryError) else str(error)
        record.error = {"class": type(error).__name__, "message": message, "remedy": remedy}
        raise
    else:
        record.state = "succeeded"
    finally:
        record.ended = time.time()
        _write(store, record)


def run_id() -> str:
    """The run this process works for."""
    return os.environ.get("MEDGANTRY_RUN_ID", "adhoc")


def read_records(store: ObjectStore, run: str) -> list[dict[str, Any]]:
    """All step records of a run, in the order the steps began."""
    records = [json.loads(store.get_bytes(item.key)) for item in store.list(f"runs/{run}/steps/")]
    return sorted(records, key=lambda record: float(record["started"]))


def reuse_or_build(
    record: StepRecord, store: ObjectStore, prefix: str, output: Path, build: Callable[[Path], None]
) -> None:
    """Take a folder that was made before from the same content, or make it and publish it.

    Args:
        record: The step's record, which is told.
        store: The store.
        prefix: The folder's key, made of everything that decides its content.
        output: Where the folder appears, complete; what a failed attempt left is replaced.
        build: Writes the folder's files.
    """
    record.use(prefix)
    if folder_exists(store, prefix):
        fetch_folder(store, prefix, output)
        record.reused = True
        return
    beside = output.with_name(f".{output.name}.building")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    build(beside)
    publish_folder(store, prefix, beside)
    replace_folder(beside, output)


def _write(store: ObjectStore, record: StepRecord) -> None:
    suffix = "" if record.iteration < 0 else f"-{record.iteration}"
    key = f"runs/{run_id()}/steps/{record.step}{suffix}.json"
    store.put_bytes(key, canonical_json(record.document()).encode())
    record.say()
