"""Registering a trained bundle with its evidence, and giving the alias `champion` to who deserves it."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import medgantry
from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import Mismatch
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.independence import check_independent
from medgantry.fingerprint import hash_value
from medgantry.registry.gate import Decision, GateConfig, Incumbent, decide
from medgantry.registry.golden import add_golden
from medgantry.registry.registration import Registration
from medgantry.steps import StepRecord, run_id
from medgantry.tracking import TrackedRun

CHAMPION = "champion"
KEY_TAG = "medgantry.key"
_MOST_LETTERS = 4900
"""Of a tag or a description: MLflow's columns hold 5000."""
_NOBODY = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow answers for a model or an alias that is not there."""
MODEL_TAG = "medgantry.model"
"""Hash of weights and configs: the model itself, whatever it was evaluated on."""


def register(
    bundle: Bundle,
    cohort: Cohort,
    evaluation: Evaluation,
    evaluation_folder: Path,
    *,
    name: str,
    gate: GateConfig,
    record: StepRecord,
) -> Registration:
    """Register a version, once, and give it the alias `champion` if the gate lets it.

    Raises:
        Mismatch: If the evaluation is of other weights or another cohort or split.
    """
    _check_fits(bundle, cohort, evaluation)
    client = MlflowClient()
    model = bundle.model_hash
    key = hash_value([model, evaluation.key])
    version = _find(client, name, key)
    record.reused = version is not None
    if version is None:
        tags = {
            KEY_TAG: key,
            MODEL_TAG: model,
            "medgantry.evaluation": evaluation.key,
            "medgantry.training": str(bundle.provenance.get("training", "")),
            "medgantry.shards": str(bundle.provenance.get("shards_spec", "")),
            "medgantry.cohort_hash": evaluation.cohort_hash,
            "medgantry.split_hash": evaluation.split_hash,
        }
        version = _log(client, bundle, cohort, evaluation, evaluation_folder, name, tags)
    before = present_champion(client, name)
    decision = decide(evaluation, Incumbent(version=version, model_hash=model), before, gate)
    if decision.promoted and not (before and before.version == version):
        client.set_registered_model_alias(name, CHAMPION, str(version))
    _mark(client, name, version, evaluation, decision)
    champion = version if decision.promoted else (before.version if before else 0)
    record.facts = {
        "model": name,
        "version": version,
        "champion": champion,
        "promoted": decision.promoted,
        "reason": decision.reason,
    }
    return Registration(
        name=name, version=version, promoted=decision.promoted, reason=decision.reason, champion=champion
    )


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


def _check_fits(bundle: Bundle, cohort: Cohort, evaluation: Evaluation) -> None:
    if bundle.weights_hash != evaluation.weights_hash:
        raise Mismatch("The evaluation is of other weights than this bundle's.", "Evaluate this bundle.")
    found, wanted = (cohort.cohort_hash, cohort.split_hash), (evaluation.cohort_hash, evaluation.split_hash)
    if found != wanted:
        raise Mismatch(
            f"The evaluation is of cohort {wanted[0][:12]} with split {wanted[1][:12] or 'none'}; the cohort in hand "
            f"is {found[0][:12]} with split {found[1][:12] or 'none'}.",
            "Register with the cohort that was evaluated.",
        )
    check_independent(cohort, bundle)


def _mark(client: MlflowClient, name: str, version: int, evaluation: Evaluation, decision: Decision) -> None:
    """Write decision and reason where the registry's reader sees them."""
    tags = {
        "medgantry.promoted": str(decision.promoted).lower(),
        "medgantry.reason": decision.reason[:_MOST_LETTERS],
    }
    for tag, value in tags.items():
        client.set_model_version_tag(name, str(version), tag, value)
    metric, of = evaluation.primary
    value = evaluation.metrics.get(metric, {}).get(of)
    measured = (
        f"{of} {metric} {value['estimate']:.4f} ({value['low']:.4f} to {value['high']:.4f}), {value['n']} cases"
        if value
        else f"{of} {metric} not defined"
    )
    verdict = "Promoted" if decision.promoted else "Not promoted"
    text = f"{measured}. The model card is evidence/report.html. {verdict}: {decision.reason}."
    client.update_model_version(name, str(version), text[:_MOST_LETTERS])


def _find(client: MlflowClient, name: str, key: str) -> int | None:
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.tags.get(KEY_TAG) == key and version.status == "READY":
            return int(version.version)
    return None


def _log(
    client: MlflowClient,
    bundle: Bundle,
    cohort: Cohort,
    evaluation: Evaluation,
    evaluation_folder: Path,
    name: str,
    tags: Mapping[str, str],
) -> int:
    tracked = TrackedRun(run_id())
    with TemporaryDirectory(prefix="medgantry-register-") as scratch:
        folder = Path(scratch) / "bundle"
        shutil.copytree(bundle.folder, folder)
        add_golden(folder, cohort, evaluation, evaluation_folder)
        (folder / "evidence").mkdir()
        for path in sorted(evaluation_folder.iterdir()):
            if path.is_file():
                shutil.copy(path, folder / "evidence" / path.name)
        mlflow.start_run(run_id=tracked.run_id)
        try:
            info: Any = mlflow.pyfunc.log_model(
                name=name,
                loader_module="medgantry.registry.loader",
                data_path=str(folder),
                pip_requirements=[f"medgantry[train,track]=={medgantry.__version__}"],
                registered_model_name=name,
            )
        finally:
            mlflow.end_run("RUNNING")  # the run is ended by the pipeline's last step, not by this one
    version = int(info.registered_model_version)
    for tag, value in tags.items():
        client.set_model_version_tag(name, str(version), tag, value)
    return version
