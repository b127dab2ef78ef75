"""The step `open_cohort`: a cohort that an earlier run wrote."""

import shutil
from pathlib import Path

from medgantry.cohort.cohort import Cohort
from medgantry.errors import InvalidInput
from medgantry.steps import step
from medgantry.storage import ObjectStore, fetch_folder, folder_exists
from medgantry.storage.files import locate
from medgantry.storage.folders import replace_folder

_DOCUMENT = "cohort.json"


def open_cohort_step(uri: str, output: Path) -> None:
    """Bring a cohort's folder and check it.

    Args:
        uri: `s3://...` of a folder that a step published or that KFP keeps as an artifact, or a path.
        output: Where it goes; what is there is replaced.

    Raises:
        InvalidInput: If there is no cohort.
        InvalidCohort: If it was changed by hand.
    """
    with step("open_cohort") as record:
        beside = output.with_name(f".{output.name}.opening")
        shutil.rmtree(beside, ignore_errors=True)
        place = locate(uri)
        if isinstance(place, Path):
            if not (place / _DOCUMENT).is_file():
                raise _no_cohort(str(place))
            shutil.copytree(place, beside)
        else:
            _fetch(*place, beside)
        cohort = Cohort.open(beside)
        replace_folder(beside, output)
        record.facts = {
            "cohort_hash": cohort.cohort_hash,
            "split_hash": cohort.split_hash,
            "cases": len(cohort.cases),
        }


def _fetch(store: ObjectStore, prefix: str, folder: Path) -> None:
    if folder_exists(store, prefix):
        fetch_folder(store, prefix, folder)
        return
    # KFP uploads artifacts file by file, without a marker.
    keys = [item.key for item in store.list(f"{prefix}/")]
    if f"{prefix}/{_DOCUMENT}" not in keys:
        raise _no_cohort(store.uri(prefix))
    for key in keys:
        store.download(key, folder / key.removeprefix(f"{prefix}/"))


def _no_cohort(uri: str) -> InvalidInput:
    return InvalidInput(
        f"{uri} holds no {_DOCUMENT}, seen from where this step runs.",
        "Check the URI: docs/monitoring.md tells how to find it. A path is one of a laptop.",
    )
