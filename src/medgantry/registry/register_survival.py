"""The step `register_survival`: a model of survival with its evidence, and who is champion."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

import medgantry
from medgantry.errors import Mismatch
from medgantry.evaluation.evaluation import Evaluation
from medgantry.features.column import NUMBER, Column
from medgantry.registry.gate import GateConfig
from medgantry.registry.golden_subjects import add_golden_subjects
from medgantry.registry.registration import Registration
from medgantry.registry.versions import Registry, copy_evidence
from medgantry.steps import StepRecord, step
from medgantry.survival.model import SurvivalModel


def register_survival_step(
    model_folder: Path,
    evaluation_folder: Path,
    output: Path,
    *,
    name: str,
    min_gain: float,
    max_subgroup_drop: float,
) -> None:
    """Register a candidate; the arguments are the component's."""
    with step("register_survival") as record:
        gate = GateConfig(min_gain=min_gain, max_subgroup_drop=max_subgroup_drop)
        register_survival(model_folder, evaluation_folder, name=name, gate=gate, record=record).save(output)


def register_survival(
    model_folder: Path, evaluation_folder: Path, *, name: str, gate: GateConfig, record: StepRecord
) -> Registration:
    """Register a version, once, and give it the alias `champion` if the gate lets it.

    Raises:
        Mismatch: If the evaluation is of another model.
    """
    model, evaluation = SurvivalModel.open(model_folder), Evaluation.open(evaluation_folder)
    if evaluation.weights_hash != model.model_hash:
        raise Mismatch(
            f"The evaluation is of model {evaluation.weights_hash[:12]}, given was {model.model_hash[:12]}.",
            "Evaluate this model.",
        )
    registry = Registry(name)
    version = registry.find(model.model_hash, evaluation)
    record.reused = version is not None
    if version is None:
        version = _add(registry, model, model_folder, evaluation, evaluation_folder)
    return registry.settle(version, model.model_hash, evaluation, gate, record)


def _add(
    registry: Registry,
    model: SurvivalModel,
    model_folder: Path,
    evaluation: Evaluation,
    evaluation_folder: Path,
) -> int:
    with TemporaryDirectory(prefix="medgantry-register-") as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(model_folder, folder)
        add_golden_subjects(folder)
        copy_evidence(evaluation_folder, folder)
        return registry.add(
            model.model_hash,
            evaluation,
            {"medgantry.features": model.predictions.table_hash},
            loader_module="medgantry.registry.survival_loader",
            data_path=str(folder),
            pip_requirements=[f"medgantry[features,track]=={medgantry.__version__}"],
            signature=_signature(model),
        )


def _signature(model: SurvivalModel) -> ModelSignature:
    """What `predict` takes and gives; a feature that was not measured may be absent."""
    answers = [
        ColSpec(DataType.double, "risk"),
        *(ColSpec(DataType.double, name) for name in survival_names(model)),
    ]
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "subject_id"), *map(_specification, model.features)]),
        outputs=Schema([ColSpec(DataType.string, "subject_id"), *answers]),
    )


def _specification(column: Column) -> Any:
    kind = DataType.double if column.kind == NUMBER else DataType.string
    return ColSpec(kind, column.name, required=False)


def survival_names(model: SurvivalModel) -> list[str]:
    """Names of the columns of survival probabilities: `survival_365` is the chance of no event up to day 365."""
    return [f"survival_{day:g}" for day in model.predictions.grid]
