"""Running a pipeline on this machine: `kfp.local` over the embedded stack, with steps in one place or another."""

import logging
import os
import secrets
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kfp.local
from kfp.dsl.base_component import BaseComponent

from medgantry.processes import THREADS
from medgantry.steps import read_records
from medgantry.storage import ObjectStore
from pipelines.runners.display import Display, step_name
from pipelines.runners.endpoints import Endpoints
from pipelines.runners.parameters import check_text
from pipelines.runners.place import Place
from pipelines.runners.stack import Stack, running
from pipelines.runners.step_logs import StepLogs

_STORE_VARIABLES = ("MEDGANTRY_S", "AWS_")
"""Prefixes of the variables that name the object store and its credentials."""
_SILENT_FAULT = "Condition evaluation failed"


@dataclass(kw_only=True)
class Outcome:
    """What a run came to; `document` is what `--json` prints."""

    pipeline: str
    run_id: str
    succeeded: bool = False
    seconds: float = 0.0
    records: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def facts(self, *steps: str) -> dict[str, Any]:
        """What the first step of these names found out."""
        return next((dict(r["facts"]) for r in self.records if r["step"] in steps), {})

    def rejected(self) -> list[dict[str, Any]]:
        """What any step rejected, each verdict once."""
        found = [entry for record in self.records for entry in record["facts"].get("rejected", [])]
        return [entry for place, entry in enumerate(found) if entry not in found[:place]]

    def document(self) -> dict[str, Any]:
        """The run as one JSON-ready object."""
        verdicts = [record["verdicts"] for record in self.records if record["verdicts"]]
        registration = self.facts("register", "register_survival")
        evaluation = self.facts("evaluate", "evaluate_survival")
        return {
            "pipeline": self.pipeline,
            "run_id": self.run_id,
            "state": "succeeded" if self.succeeded else "failed",
            "seconds": self.seconds,
            "steps": _by_step(self.records),
            "error": self.error or None,
            "ledger": {
                **(verdicts[-1] if verdicts else {}),
                "entries": self.rejected(),
            },
            "metrics": evaluation.get("metrics", {}),
            "scores": evaluation.get("scores", []),
            "model": {"name": registration.get("model"), "version": registration.get("version")},
            "registration": registration,
            "mlflow_run": self.facts("summarize_run").get("mlflow_run")
            or self.facts("train").get("mlflow_run"),
            "endpoint": self.facts("deploy").get("endpoint", {}),
            "addresses": self.addresses,
        }


def run(
    pipeline: BaseComponent, arguments: dict[str, Any], home: Path, place: Place, *, keep: bool
) -> Outcome:
    """Run a pipeline to its end; the stack and served models go with it unless kept.

    Args:
        pipeline: The pipeline.
        arguments: Its parameters.
        place: Where its steps run.
        home: Folder of everything that stays, `.medgantry` by default.
        keep: Leave the stack and served models answering.
    """
    run_id = f"{pipeline.name}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    outcome = Outcome(pipeline=pipeline.name, run_id=run_id)
    check_text("the folder of this run", str(home.resolve()))
    display = Display()
    with use_stack(home, keep=keep) as environment:
        os.environ.update(environment)
        store = ObjectStore.from_environment()
        place.open(environment | _step_environment(run_id, pipeline.name, home))
        endpoints = Endpoints(home, place, store)
        endpoints.start()
        began = time.monotonic()
        logs = StepLogs(home / "runs" / run_id / "logs", display)
        try:
            fault = _run_in_kfp(pipeline, place.arguments(arguments), home / "runs" / run_id, place, logs)
        finally:
            display.stop()
            _release(endpoints, keep)
            place.close()
        outcome.seconds = time.monotonic() - began
        outcome.records = read_records(store, run_id)
        _close(outcome, logs, fault)
        outcome.addresses = {
            "mlflow": environment["MLFLOW_TRACKING_URI"],
            "s3": _server_address(),
            **endpoints.urls,
        }
    return outcome


@contextmanager
def use_stack(home: Path, *, keep: bool) -> Iterator[dict[str, str]]:
    """A stack that answers: the kept one, or one that lives as long as the block (longer with `keep`)."""
    kept = running(home)
    if kept:
        yield _own_store_first(kept)
        return
    stack = Stack(home)
    environment = stack.start()
    try:
        yield _own_store_first(environment)
    except BaseException:
        stack.stop()
        raise
    if keep:
        stack.detach()
    else:
        stack.stop()


def _own_store_first(environment: dict[str, str]) -> dict[str, str]:
    """Whoever names an S3 server keeps it, with its credentials; the embedded one then holds MLflow's files only."""
    if not os.environ.get("MEDGANTRY_S3_ENDPOINT"):
        return environment
    return {name: value for name, value in environment.items() if not name.startswith(_STORE_VARIABLES)}


def _server_address() -> str:
    scheme = "http" if os.environ.get("MEDGANTRY_S3_TLS", "").lower() == "false" else "https"
    return f"{scheme}://{os.environ['MEDGANTRY_S3_ENDPOINT']}"


def _release(endpoints: Endpoints, keep: bool) -> None:
    if keep:
        endpoints.detach()
    else:
        endpoints.stop()


def _step_environment(run_id: str, pipeline: str, home: Path) -> dict[str, str]:
    return {
        "MEDGANTRY_RUN_ID": run_id,
        "MEDGANTRY_PIPELINE": pipeline,
        "MEDGANTRY_DEIDENTIFICATION_KEY": _deidentification_key(home),
        "MEDGANTRY_CACHE": str((home / "cache").resolve()),
        "OMP_NUM_THREADS": str(THREADS),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"])),
    }


def _deidentification_key(home: Path) -> str:
    """The environment's, or one that is made once for this home: the same patient keeps the same pseudonym."""
    given = os.environ.get("MEDGANTRY_DEIDENTIFICATION_KEY", "")
    path = home / "deidentification.key"
    if not given and not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32))
    return given or path.read_text()


def _run_in_kfp(
    pipeline: BaseComponent, arguments: dict[str, Any], folder: Path, place: Place, logs: StepLogs
) -> str:
    """Run; returns kfp's own complaint, empty when it is content."""
    log = folder / "kfp.log"
    handler = logging.FileHandler(log)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    fault = ""
    with (
        log.open("a") as chatter,
        redirect_stdout(chatter),
        warnings.catch_warnings(),
        place.steps(logs) as runner,
    ):
        warnings.simplefilter("ignore")
        kfp.local.init(runner=runner, pipeline_root=str(folder / "outputs"), raise_on_error=True)
        root.handlers = [handler]
        try:
            pipeline(**arguments)
        except Exception as error:  # noqa: BLE001 kfp raises RuntimeError and what its orchestrator meets
            fault = f"{type(error).__name__}: {error}"
        finally:
            root.handlers, root.level = before, level
            handler.close()
    if not fault and _SILENT_FAULT in log.read_text():
        fault = f"kfp.local skipped a branch it could not evaluate; see {log}."
    return fault


def _close(outcome: Outcome, logs: StepLogs, fault: str) -> None:
    """Decide how the run ended, and find the error a person wants to read."""
    failed = [record for record in outcome.records if record["state"] != "succeeded"]
    outcome.succeeded = not fault and not failed
    if outcome.succeeded:
        return
    for record in failed:
        if record["error"]:
            outcome.error = {"step": step_name(record), **record["error"]}
            return
    if logs.failures:
        name, code, tail = logs.failures[-1]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        outcome.error = {
            "step": name,
            "class": "StepEnded",
            "message": f"{name} {how}.\n{tail[-3000:]}",
            "remedy": "",
        }
        return
    outcome.error = {"step": "", "class": "PipelineFailed", "message": fault, "remedy": ""}


def _by_step(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per step: wall time, iterations, reuse."""
    rows: dict[str, dict[str, Any]] = {}
    for record in records:
        row = rows.setdefault(
            record["step"],
            {"step": record["step"], "iterations": 0, "reused": True, "began": record["started"]},
        )
        row["iterations"] += 1
        row["reused"] = row["reused"] and record["reused"]
        row["seconds"] = max(record["ended"], record["started"]) - row["began"]
        row["state"] = record["state"] if row.get("state", "succeeded") == "succeeded" else row["state"]
        detail = {"iteration": record["iteration"], "reused": record["reused"], **record["facts"]}
        row.setdefault("facts", []).append(detail)
    return [{key: value for key, value in row.items() if key != "began"} for row in rows.values()]
