"""Which study goes to which task: a pure function of the listing, sealed, because a listing names people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medgantry.dealing import MAX_PARTS, deal
from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidInput
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.names import Names
from medgantry.ingest.dicom.sources.source import Listing, SourceStudy
from medgantry.ingest.dicom.study import STEP
from medgantry.ledger import Entry

SCHEMA_NAME = "medgantry/ingest-plan/1"


@dataclass(frozen=True, kw_only=True)
class PlannedStudy:
    """One study to ingest."""

    key: str
    """Where its result lies in the store: a hash of what decides it."""
    sealed: str
    """The study as the source listed it, readable with the key only."""


@dataclass(frozen=True, kw_only=True)
class IngestPlan:
    """All studies of a source, and how many tasks share them."""

    source: str
    """Sealed: a path or a query can name people."""
    config: Mapping[str, Any]
    parts: Sequence[Sequence[PlannedStudy]]
    entries: Sequence[Mapping[str, Any]]
    """Verdicts about what could not be listed."""

    def save(self, folder: Path) -> None:
        """Write the plan's folder."""
        write_document(folder / "plan.json", SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "IngestPlan":
        """Read a plan.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document = read_document(folder / "plan.json", SCHEMA_NAME)
        parts = [[PlannedStudy(**study) for study in part] for part in document.pop("parts")]
        return cls(parts=parts, **document)


def plan_studies(
    source: str, listing: Listing, config: DicomConfig, names: Names, *, parts: int
) -> IngestPlan:
    """Deal the studies to tasks of about equal size, all of a patient to one.

    Args:
        source: The source's URI.
        listing: What it holds.
        config: What is wanted.
        names: What things are called.
        parts: Wanted number of tasks.

    Raises:
        InvalidInput: If the number of tasks is impossible.
    """
    if not 1 <= parts <= MAX_PARTS:
        raise InvalidInput(f"shards must be 1 to {MAX_PARTS}, got {parts}.")
    patients: dict[str, list[SourceStudy]] = {}
    for study in listing.studies:
        patients.setdefault(names.patient(study.patient_id or study.study_uid), []).append(study)
    sizes = {name: sum(study.instances for study in studies) for name, studies in patients.items()}
    spec = hash_value([SCHEMA_NAME, config.document(), names.fingerprint, code_fingerprint()])
    return IngestPlan(
        source=names.sealed({"uri": source}),
        config=config.document(),
        parts=[
            [_planned(study, spec, names) for name in part for study in patients[name]]
            for part in deal(sizes, parts)
        ],
        entries=_refused(listing, names),
    )


def _planned(study: SourceStudy, spec: str, names: Names) -> PlannedStudy:
    content = [
        [one.series_uid, one.modality, one.instances, one.fingerprint]
        for one in sorted(study.series, key=lambda series: series.series_uid)
    ]
    unit = names.name("study", study.study_uid)
    key = f"ingest/{spec}/{unit}-{names.name('content', hash_value(content))}.json"
    return PlannedStudy(key=key, sealed=names.sealed(study.document()))


def _refused(listing: Listing, names: Names) -> list[dict[str, str]]:
    entries = [
        broken.entry(f"file {names.shown(name)}", STEP) for name, broken in sorted(listing.refused.items())
    ]
    entries += [
        Entry(item=f"file {names.shown(name)}", step=STEP, verdict="excluded", rule=rule)
        for name, rule in sorted(listing.excluded.items())
    ]
    return [asdict(entry) for entry in entries]
