"""The step `open_cohort`: a cohort that an earlier run wrote."""

from pathlib import Path

from medgantry.cohort.cohort import Cohort
from medgantry.steps import step
from medgantry.storage.opening import bring_folder


def open_cohort_step(uri: str, output: Path) -> None:
    """Bring a cohort's folder and check it.

    Args:
        uri: As `bring_folder` takes it.
        output: Where it goes; what is there is replaced.

    Raises:
        InvalidInput: If there is no cohort.
        InvalidCohort: If it was changed by hand.
    """
    with step("open_cohort") as record:
        cohort = bring_folder(uri, output, "cohort.json", Cohort.open)
        record.facts = {
            "cohort_hash": cohort.cohort_hash,
            "split_hash": cohort.split_hash,
            "cases": len(cohort.cases),
        }
