"""The `Reference`: what a model was trained on, as numbers that requests are compared with.

reference.json   hashes of what it is made of, and an observation of each case, without its id
ledger.parquet   a verdict for each case
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np

from medgantry import ledger
from medgantry.cohort import Case, Cohort, File
from medgantry.cohort.targets import DIAGNOSIS
from medgantry.documents import read_document, write_document
from medgantry.each_case import for_each_case
from medgantry.errors import InvalidCohort
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.ingest.photos.image import read_photo
from medgantry.monitoring.case_statistics import (
    CaseStatistics,
    ChannelStatistics,
    photo_statistics,
    volume_statistics,
)
from medgantry.monitoring.observation import Observation
from medgantry.monitoring.region_volumes import region_volumes_ml
from medgantry.steps import StepRecord
from medgantry.storage.files import fetch

SCHEMA_NAME = "medgantry/drift-reference/1"
_ANSWERS = ("prediction", "label")
"""Roles of the files whose volumes answers are compared with, the better one first."""
_PHOTO = "png"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Training cases as observations."""

    sources: Mapping[str, str]
    """What they come from, such as `cohort` -> its hash; empty where there is none."""
    answers: str
    """What outputs are compared with: `prediction`, `label`, or empty for none."""
    observations: Sequence[Observation]

    def save(self, folder: Path) -> None:
        """Write the reference's document."""
        write_document(folder / "reference.json", SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "Reference":
        """Read a reference.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document = read_document(folder / "reference.json", SCHEMA_NAME)
        observations = [Observation(**row) for row in document["observations"]]
        return cls(**{**document, "observations": observations})


def reference_key(cohort: Cohort) -> str:
    """Hash of everything that decides a reference."""
    return hash_value([cohort.cohort_hash, cohort.split_hash, _answers(cohort), code_fingerprint()])


def make_reference(cohort: Cohort, folder: Path, record: StepRecord) -> None:
    """Look at the training side of a cohort, at all of one that is not split, and write what was seen.

    Of a group one case counts, the first: cases of one patient are alike, and a test takes them for independent.

    Args:
        cohort: With images, volumes or photos.
        folder: Gets reference.json and ledger.parquet.
        record: The step's record.

    Raises:
        InvalidCohort: If no case could be read.
    """
    seen: dict[str, Observation] = {}

    def work(case_id: str) -> None:
        seen[case_id] = _observe(cohort, chosen[case_id])

    chosen = _one_of_each_group(cohort)
    entries = for_each_case(
        list(chosen),
        work,
        step="report_drift",
        wanted="the case's statistics can be computed",
        done="statistics computed",
        record=record,
    )
    if not seen:
        found = f": {entries[-1].evidence}" if entries else ""
        raise InvalidCohort(
            f"None of {len(chosen)} training cases could be read{found}.",
            "Give the split cohort that the model was trained on.",
        )
    ledger.write(entries, folder / "ledger.parquet")
    Reference(
        sources={"cohort": cohort.cohort_hash, "split": cohort.split_hash},
        answers=_answers(cohort),
        observations=list(seen.values()),
    ).save(folder)


def _one_of_each_group(cohort: Cohort) -> Mapping[str, Case]:
    side = [case for case in cohort.cases if not cohort.is_split or case.split == "train"]
    first: dict[str, Case] = {}
    for case in sorted(side, key=lambda case: case.case_id):
        first.setdefault(case.group_id, case)
    return {case.case_id: case for case in first.values()}


def _answers(cohort: Cohort) -> str:
    roles = {file.role for file in cohort.files}
    return next((role for role in _ANSWERS if role in roles), "")


def _observe(cohort: Cohort, case: Case) -> Observation:
    with TemporaryDirectory(prefix="medgantry-reference-") as name:
        scratch = Path(name)
        files = cohort.files_of[case.case_id]
        images = [file for file in files if file.role == "image"]
        if not images:
            raise InvalidCohort(f"Case {case.case_id} has no file of role image.")
        statistics = CaseStatistics(channels=_channels(images, scratch))
        answers = [file for file in files if file.role == _answers(cohort)]
        volumes = _volumes(answers[0], cohort, scratch) if answers else {}
    return Observation.of(statistics.scalars(), volumes, case.targets.get(DIAGNOSIS, ""))


def _channels(images: Sequence[File], scratch: Path) -> dict[str, ChannelStatistics]:
    """Of all channels; a file that holds several is read once."""
    by_file: dict[str, list[File]] = defaultdict(list)
    for file in images:
        by_file[file.sha256].append(file)
    found: dict[str, ChannelStatistics] = {}
    for rows in by_file.values():
        path = fetch(rows[0].uri, rows[0].sha256, scratch, rows[0].format)
        if rows[0].format == _PHOTO:
            found |= photo_statistics(read_photo(path.name, path.read_bytes())[0])
        else:
            found |= volume_statistics(path, {row.channel: row.channel_index for row in rows})
    return found


def _volumes(answer: File, cohort: Cohort, scratch: Path) -> dict[str, float]:
    path = fetch(answer.uri, answer.sha256, scratch, answer.format)
    labels = np.asanyarray(nibabel.load(path).dataobj)
    return region_volumes_ml(labels, cohort.region_codes(), answer.spacing_mm)
