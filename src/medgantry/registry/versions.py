"""Versions of a registered model, of whatever kind: made once, marked with the decision, one of them champion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from medgantry.evaluation.evaluation import Evaluation
from medgantry.fingerprint import hash_value
from medgantry.registry.gate import Decision, GateConfig, Incumbent, decide
from medgantry.registry.registration import Registration
from medgantry.steps import StepRecord, run_id
from medgantry.tracking import TrackedRun

CHAMPION = "champion"
KEY_TAG = "medgantry.key"
MODEL_TAG = "medgantry.model"
"""Hash of weights and configs: the model itself, whatever it was evaluated on."""
_MOST_LETTERS = 4900
"""Of a tag or a description: MLflow's columns hold 5000."""
_NOBODY = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow answers for a model or an alias that is not there."""


class Registry:
    """The versions of one registered model.

    Args:
        name: Name in the registry.
    """

    def __init__(self, name: str) -> None:
        self.name, self._client = name, MlflowClient()

    def find(self, model_hash: str, evaluation: Evaluation) -> int | None:
        """The version that holds this model with this evaluation."""
        key = _key(model_hash, evaluation)
        for version in self._client.search_model_versions(f"name = '{self.name}'"):
            if version.tags.get(KEY_TAG) == key and version.status == "READY":
                return int(version.version)
        return None

    def add(self, model_hash: str, evaluation: Evaluation, tags: Mapping[str, str], **pyfunc: Any) -> int:
        """Log a model into the run of this pipeline, and register it as a new version.

        Args:
            model_hash: Of the model itself.
            evaluation: Its evidence.
            tags: What else the version says of itself.
            **pyfunc: Arguments of `mlflow.pyfunc.log_model`.
        """
        tracked = TrackedRun(run_id())
        mlflow.start_run(run_id=tracked.run_id)
        try:
            info: Any = mlflow.pyfunc.log_model(name=self.name, registered_model_name=self.name, **pyfunc)
        finally:
            mlflow.end_run("RUNNING")  # the run is ended by the pipeline's last step, not by this one
        own = {
            KEY_TAG: _key(model_hash, evaluation),
            MODEL_TAG: model_hash,
            "medgantry.evaluation": evaluation.key,
            "medgantry.cohort_hash": evaluation.cohort_hash,
            "medgantry.split_hash": evaluation.split_hash,
        }
        for tag, value in {**own, **tags}.items():
            self._client.set_model_version_tag(self.name, info.registered_model_version, tag, value)
        return int(info.registered_model_version)

    def settle(
        self, version: int, model_hash: str, evaluation: Evaluation, gate: GateConfig, record: StepRecord
    ) -> Registration:
        """Give a version the alias `champion` if the gate lets it, and write down why or why not."""
        before = present_champion(self._client, self.name)
        decision = decide(evaluation, Incumbent(version=version, model_hash=model_hash), before, gate)
        if decision.promoted and not (before and before.version == version):
            self._client.set_registered_model_alias(self.name, CHAMPION, str(version))
        self._mark(version, evaluation, decision)
        champion = version if decision.promoted else (before.version if before else 0)
        record.facts = {
            "model": self.name,
            "version": version,
            "champion": champion,
            "promoted": decision.promoted,
            "reason": decision.reason,
        }
        return Registration(
            name=self.name,
            version=version,
            promoted=decision.promoted,
            reason=decision.reason,
            champion=champion,
        )

    def _mark(self, version: int, evaluation: Evaluation, decision: Decision) -> None:
        """Write decision and reason where the registry's reader sees them."""
        tags = {
            "medgantry.promoted": str(decision.promoted).lower(),
            "medgantry.reason": decision.reason[:_MOST_LETTERS],
        }
        for tag, value in tags.items():
            self._client.set_model_version_tag(self.name, str(version), tag, value)
        metric, of = evaluation.primary
        value = evaluation.metrics.get(metric, {}).get(of)
        measured = (
            f"{of} {metric} {value['estimate']:.4f} ({value['low']:.4f} to {value['high']:.4f}), {value['n']} cases"
            if value
            else f"{of} {metric} not defined"
        )
        verdict = "Promoted" if decision.promoted else "Not promoted"
        text = f"{measured}. The model card is evidence/report.html. {verdict}: {decision.reason}."
        self._client.update_model_version(self.name, str(version), text[:_MOST_LETTERS])


def present_champion(client: MlflowClient, name: str) -> Incumbent | None:
    """Who has the alias; None when the model or the alias is not there.

    Raises:
        MlflowException: If the server does not answer.
    """
    try:
        version = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in _NOBODY:
            return None
        raise
    return Incumbent(version=int(version.version), model_hash=version.tags.get(MODEL_TAG, ""))


def copy_evidence(evaluation_folder: Path, folder: Path) -> None:
    """Lay an evaluation's files, its pictures not included, beside the model they are of."""
    (folder / "evidence").mkdir()
    for path in sorted(evaluation_folder.iterdir()):
        if path.is_file():
            (folder / "evidence" / path.name).write_bytes(path.read_bytes())


def _key(model_hash: str, evaluation: Evaluation) -> str:
    return hash_value([model_hash, evaluation.key])
