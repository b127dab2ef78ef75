"""Registering a trained bundle with its evidence and golden case."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import medgantry
from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import Mismatch
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.independence import check_independent
from medgantry.registry.gate import GateConfig
from medgantry.registry.golden_case import add_golden_case
from medgantry.registry.registration import Registration
from medgantry.registry.versions import Registry, copy_evidence
from medgantry.steps import StepRecord


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
    registry = Registry(name)
    version = registry.find(bundle.model_hash, evaluation)
    record.reused = version is not None
    if version is None:
        version = _add(registry, bundle, cohort, evaluation, evaluation_folder)
    return registry.settle(version, bundle.model_hash, evaluation, gate, record)


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


def _add(
    registry: Registry, bundle: Bundle, cohort: Cohort, evaluation: Evaluation, evaluation_folder: Path
) -> int:
    tags = {
        "medgantry.training": str(bundle.provenance.get("training", "")),
        "medgantry.shards": str(bundle.provenance.get("shards_spec", "")),
    }
    with TemporaryDirectory(prefix="medgantry-register-") as scratch:
        folder = Path(scratch) / "bundle"
        shutil.copytree(bundle.folder, folder)
        add_golden_case(folder, cohort, evaluation, evaluation_folder)
        copy_evidence(evaluation_folder, folder)
        return registry.add(
            bundle.model_hash,
            evaluation,
            tags,
            loader_module="medgantry.registry.loader",
            data_path=str(folder),
            pip_requirements=[f"medgantry[train,track]=={medgantry.__version__}"],
        )
