"""The step `register`."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.evaluation import Evaluation
from medgantry.registry.gate import GateConfig
from medgantry.registry.register import register
from medgantry.steps import step


def register_step(
    bundle_folder: Path,
    cohort_folder: Path,
    evaluation_folder: Path,
    output: Path,
    *,
    name: str,
    min_gain: float,
    max_subgroup_drop: float,
) -> None:
    """Register a candidate; the arguments are the component's."""
    with step("register") as record:
        register(
            Bundle(bundle_folder),
            Cohort.open(cohort_folder),
            Evaluation.open(evaluation_folder),
            evaluation_folder,
            name=name,
            gate=GateConfig(min_gain=min_gain, max_subgroup_drop=max_subgroup_drop),
            record=record,
        ).save(output)
