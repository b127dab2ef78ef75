"""Submitting to Kubeflow Pipelines: versions named by their content, runs, schedules, and waiting for the end."""

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import kfp
import kfp_server_api
import tenacity
import urllib3
from kfp.client import ServiceAccountTokenVolumeCredentials
from kfp.dsl.base_component import BaseComponent

from medgantry.errors import MedgantryError
from pipelines.compiling import compile_pipeline, version_name
from pipelines.resources import ACCOUNT

_POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
_ENDS = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
_PATIENCE_SECONDS = 600.0
"""How long the server may be away while a run goes on without it."""


class SubmissionRefused(MedgantryError):
    """Kubeflow Pipelines can't be reached, or says no."""


class Version(NamedTuple):
    """An uploaded pipeline version."""

    pipeline_id: str
    version_id: str
    name: str


class End(NamedTuple):
    """How a run ended."""

    state: str
    failures: dict[str, str]
    """Task -> what KFP says of it."""


class _Client(kfp.Client):
    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        """Ask once: kfp asks five times, 5 s apart, also a server that says no."""
        return self._healthz_api.healthz_service_get_healthz()


class Kubeflow:
    """Kubeflow Pipelines at an address.

    The token is `KFP_TOKEN`, else the one that a pod gets from the platform; behind a login page `KFP_COOKIE` is
    sent. Neither is an option of the command line, where others could read it.

    Args:
        host: Address of the API or of the UI that stands before it.
        namespace: The user's namespace; empty on a single-user installation.
        ca: Certificate authority of the server, a PEM file; empty for the machine's own.
    """

    def __init__(self, host: str, namespace: str = "", ca: str = "") -> None:
        self._host, self._namespace = host.rstrip("/"), namespace
        credentials = None
        if not os.environ.get("KFP_TOKEN") and _POD_TOKEN.is_file():
            credentials = ServiceAccountTokenVolumeCredentials()
        with self._understood():
            self._client = _Client(
                host=self._host,
                namespace=namespace or "kubeflow",
                existing_token=os.environ.get("KFP_TOKEN"),
                cookies=os.environ.get("KFP_COOKIE"),
                credentials=credentials,
                ssl_ca_cert=ca or None,
            )

    def upload(self, pipeline: BaseComponent) -> Version:
        """Upload a pipeline and its version, unless this content is there."""
        name = pipeline.name
        with tempfile.TemporaryDirectory() as folder, self._understood():
            path = Path(folder) / f"{name}.yaml"
            compile_pipeline(pipeline, path)
            version = version_name(path.read_text())
            pipeline_id = self._client.get_pipeline_id(name)
            if pipeline_id is None:
                body = kfp_server_api.V2beta1Pipeline(display_name=name, namespace=self._namespace or None)
                pipeline_id = self._client.pipelines.pipeline_service_create_pipeline(
                    pipeline=body
                ).pipeline_id
            found = self._client.list_pipeline_versions(pipeline_id, filter=_named(version)).pipeline_versions
            if not found:
                found = [self._client.upload_pipeline_version(str(path), version, pipeline_id=pipeline_id)]
        return Version(pipeline_id, found[0].pipeline_version_id, version)

    def run(
        self, version: Version, parameters: dict[str, Any], experiment: str, account: str = ACCOUNT
    ) -> str:
        """Start a run; returns its ID."""
        with self._understood():
            started = self._client.run_pipeline(
                experiment_id=self._experiment(experiment),
                job_name=f"{experiment} {time.strftime('%Y-%m-%d %H:%M:%S')}",
                params=parameters,
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
                service_account=account,
            )
        return str(started.run_id)

    def schedule(
        self, version: Version, parameters: dict[str, Any], experiment: str, cron: str, account: str = ACCOUNT
    ) -> str:
        """Start a run at every time a cron expression names; returns the schedule's ID.

        One run at a time; times that were missed are not made up for.
        """
        with self._understood():
            made = self._client.create_recurring_run(
                experiment_id=self._experiment(experiment),
                job_name=f"{experiment} {cron}",
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=parameters,
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
                service_account=account,
            )
        return str(made.recurring_run_id)

    def address(self, run_id: str) -> str:
        """The run's page."""
        return f"{self._host}/#/runs/details/{run_id}"

    def wait(self, run_id: str, say: Callable[[str], None], every: float = 5.0) -> End:
        """Wait for a run's end and tell each change of a task.

        kfp's own waiting does not end with a run that was cancelled.
        """
        told: dict[str, str] = {}
        while True:
            run = self._look(run_id)
            tasks = list(_tasks(run))
            for key, name, state, _ in tasks:
                if state and told.get(key) != state:
                    told[key] = state
                    say(f"{name:28} {state.lower()}")
            if run.state in _ENDS:
                failures = {name: message for _, name, state, message in tasks if state == "FAILED"}
                return End(run.state, failures)
            time.sleep(every)

    def _look(self, run_id: str) -> Any:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_passing),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=15),
            stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
            reraise=True,
        )
        with self._understood():
            return retrying(self._client.get_run, run_id)

    def _experiment(self, name: str) -> str:
        found = self._client.create_experiment(name, namespace=self._namespace or None)
        return str(found.experiment_id)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Turn the client's errors into ours, and keep its links off stdout, which belongs to the result."""
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            try:
                yield
            except kfp_server_api.ApiException as error:
                remedy = "Set KFP_TOKEN or KFP_COOKIE, and --namespace." if error.status in (401, 403) else ""
                raise SubmissionRefused(
                    f"{self._host} answered {error.status}: {_said(error)}", remedy
                ) from error
            except (urllib3.exceptions.HTTPError, TimeoutError) as error:
                raise SubmissionRefused(
                    f"{self._host} can't be reached: {error}",
                    "Give the address of the UI or the API as --host.",
                ) from error


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


def _tasks(run: Any) -> Iterator[tuple[str, str, str, str]]:
    """ID, name, state and error of the tasks a person knows; drivers and the like are KFP's own."""
    for task in (run.run_details.task_details if run.run_details else None) or []:
        name = task.display_name or ""
        if name and name not in ("root", "executor") and not name.endswith("-driver"):
            message = task.error.message if task.error and task.error.message else ""
            yield task.task_id, name, task.state or "", message


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, kfp_server_api.ApiException):
        return error.status in (0, 408, 429) or int(error.status or 0) >= 500
    return isinstance(error, urllib3.exceptions.HTTPError)


def _said(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body or error.reason)[:500]
