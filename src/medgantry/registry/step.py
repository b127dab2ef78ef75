"""The step `register`."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.evaluation import Evaluation
from medgantry.registry.register import register
from medgantry.steps import step


def register_step(
    bundle_folder: Path, cohort_folder: Path, evaluation_folder: Path, output: Path, *, name: str
) -> None:
    """Register a candidate; the arguments are the component's."""
    with step("register") as record:
        register(
            Bundle(bundle_folder),
            Cohort.open(cohort_folder),
            Evaluation.open(evaluation_folder),
            evaluation_folder,
            name=name,
            record=record,
        ).save(output)
