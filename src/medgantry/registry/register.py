"""Registering a trained bundle with its evidence, and deciding who is champion."""

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
from medgantry.fingerprint import hash_value
from medgantry.registry.golden import add_golden
from medgantry.registry.registration import Registration
from medgantry.steps import StepRecord, run_id
from medgantry.tracking import TrackedRun

CHAMPION = "champion"
KEY_TAG = "medgantry.key"
MEAN_TAG = "medgantry.mean_dice"


def register(
    bundle: Bundle,
    cohort: Cohort,
    evaluation: Evaluation,
    evaluation_folder: Path,
    *,
    name: str,
    record: StepRecord,
) -> Registration:
    """Register a version, once, and give it the alias `champion` if there is none or its mean is higher.

    Raises:
        Mismatch: If the evaluation is of other weights.
    """
    if bundle.weights_hash != evaluation.weights_hash:
        raise Mismatch("The evaluation is of other weights than this bundle's.", "Evaluate this bundle.")
    client = MlflowClient()
    key = hash_value([bundle.weights_hash, bundle.config_hash, evaluation.key])
    version = _find(client, name, key)
    record.reused = version is not None
    if version is None:
        tags = {
            KEY_TAG: key,
            MEAN_TAG: repr(evaluation.mean_dice),
            "medgantry.evaluation": evaluation.key,
            "medgantry.training": str(bundle.provenance.get("training", "")),
            "medgantry.shards": str(bundle.provenance.get("shards_spec", "")),
            "medgantry.cohort_hash": evaluation.cohort_hash,
            "medgantry.split_hash": evaluation.split_hash,
        }
        version = _log(client, bundle, cohort, evaluation, evaluation_folder, name, tags)
    promoted, reason = _decide(client, name, version, evaluation.mean_dice)
    champion = int(client.get_model_version_by_alias(name, CHAMPION).version)
    record.facts = {"model": name, "version": version, "champion": champion, "reason": reason}
    return Registration(name=name, version=version, promoted=promoted, reason=reason, champion=champion)


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
        for file in ("metrics.json", "cases.parquet", "report.html"):
            shutil.copy(evaluation_folder / file, folder / "evidence" / file)
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


def _decide(client: MlflowClient, name: str, version: int, mean: float) -> tuple[bool, str]:
    try:
        current = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:
        client.set_registered_model_alias(name, CHAMPION, str(version))
        return True, "there was no champion"
    if int(current.version) == version:
        return True, "it is the champion already"
    theirs = float(current.tags[MEAN_TAG])
    if mean > theirs:
        client.set_registered_model_alias(name, CHAMPION, str(version))
        return True, f"mean Dice {mean:.4f} is higher than {theirs:.4f} of version {current.version}"
    return False, f"mean Dice {mean:.4f} is not higher than {theirs:.4f} of version {current.version}"
