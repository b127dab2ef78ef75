"""The step `open_cohort`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.cohort.cohort import CONTENT, Cohort
from medgantry.errors import InvalidInput
from medgantry.steps import step
from medgantry.storage.files import locate


def open_cohort_step(uri: str, output: Path) -> None:
    """Bring a cohort's folder and check it; the arguments are the component's.

    Raises:
        InvalidInput: If there is no such folder, or it is no cohort.
        InvalidCohort: If its content is not what its hash says.
    """
    with step("open_cohort") as record, TemporaryDirectory(prefix="medgantry-cohort-") as scratch:
        place = locate(uri)
        folder = place if isinstance(place, Path) else Path(scratch)
        if not folder.is_dir():
            raise InvalidInput(f"There is no cohort folder {folder}.", "Check the path.")
        if not isinstance(place, Path):
            for name in CONTENT:
                place[0].download(f"{place[1]}/{name}", folder / name)
        cohort = Cohort.open(folder)
        cohort.save(output)
        record.facts = {"cohort_hash": cohort.cohort_hash, "cases": len(cohort.cases)}
