"""MLflow tracking: one run per pipeline run, which every step joins and none ends but the last.

An injected `MLFLOW_RUN_ID` (KFP's MLflow plugin) is joined; otherwise the run is found, or made, by its tag
`kfp.run_id`.
"""

import os
import posixpath
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from medgantry.fingerprint import hash_value

RUN_TAG = "kfp.run_id"
_REFUSED = re.compile(r"[^\w./:-]")
_LONGEST = 250
"""Letters of a metric's name that MLflow keeps."""


class TrackedRun:
    """The MLflow run of this pipeline run.

    Args:
        run: The pipeline run's id.
        experiment: The experiment's name; the pipeline's name in `MEDGANTRY_PIPELINE` by default.
    """

    def __init__(self, run: str, experiment: str = "") -> None:
        self.client = MlflowClient()
        injected = os.environ.get("MLFLOW_RUN_ID", "")
        self.ours = not injected
        self.run_id = injected or self._find_or_create(
            run, experiment or os.environ.get("MEDGANTRY_PIPELINE", "medgantry")
        )

    def _find_or_create(self, run: str, experiment: str) -> str:
        found = self.client.get_experiment_by_name(experiment)
        identity = found.experiment_id if found else self.client.create_experiment(experiment)
        runs = self.client.search_runs([identity], filter_string=f"tags.`{RUN_TAG}` = '{run}'", max_results=1)
        if runs:
            return str(runs[0].info.run_id)
        tags = {RUN_TAG: run, "kfp.pipeline": experiment}
        return str(self.client.create_run(identity, run_name=run, tags=tags).info.run_id)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; one that a repeated step logged before is left as it is."""
        present = self.client.get_run(self.run_id).data.params
        new = [Param(key, str(value)[:6000]) for key, value in values.items() if key not in present]
        if new:
            self.client.log_batch(self.run_id, params=new)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log one point of each metric."""
        stamp = int(time.time() * 1000)
        points = [Metric(_plain(key), float(value), stamp, step) for key, value in values.items()]
        if points:
            self.client.log_batch(self.run_id, metrics=points)

    def curve_length(self, name: str) -> int:
        """How many points a curve has."""
        return len(self.client.get_metric_history(self.run_id, _plain(name)))

    def dataset(self, name: str, digest: str, source: str, context: Mapping[str, Any]) -> None:
        """Log a data set as the run's input; a digest is cut to the 36 characters MLflow keeps."""
        entity = Dataset(
            name=name,
            digest=digest[:36],
            source_type="s3",
            source=source,
            profile=str(dict(context)),
        )
        self.client.log_inputs(self.run_id, [DatasetInput(entity, [])])

    def artifacts(self, paths: Sequence[Path], folder: str) -> None:
        """Upload files below the run's artifact folder."""
        for path in paths:
            self.client.log_artifact(self.run_id, str(path), folder)

    def artifacts_as(self, path: Path, folder: str, name: str) -> None:
        """Upload one file under another name."""
        self.client.log_text(self.run_id, path.read_text(), f"{folder}/{name}")

    def system_metrics(self) -> Any:
        """Start sampling CPU, memory and GPU of this machine; the caller calls `finish()` on what it gets."""
        monitor = SystemMetricsMonitor(self.run_id, sampling_interval=2, samples_before_logging=1)
        monitor.start()
        return monitor

    def end(self, succeeded: bool) -> None:
        """Close the run, unless somebody else opened it."""
        if self.ours:
            self.client.set_terminated(self.run_id, "FINISHED" if succeeded else "FAILED")


def _plain(name: str) -> str:
    """A metric's name as MLflow takes it: classes are named by who made the data, `HER2+` or `nevus, atypical`."""
    plain = _REFUSED.sub(lambda found: f"_{ord(found[0]):x}", name.replace(" ", "_"))
    if posixpath.normpath(plain) != plain or plain.startswith(("/", "..")):
        plain = plain.replace("/", "_2f")
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 17]}_{hash_value(name)[:16]}"
