"""One ingest task: its studies, a few at a time, each in a process of its own and committed when it is done."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.names import Names, names_for
from medgantry.ingest.dicom.plan import IngestPlan, PlannedStudy
from medgantry.ingest.dicom.sources.open import open_source
from medgantry.ingest.dicom.sources.source import SourceStudy
from medgantry.ingest.dicom.study import StudyIngest, StudyResult
from medgantry.isolation import Crashed, run_alone, run_each
from medgantry.ledger import Unusable
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.commits import commit, committed
from medgantry.storage.files import Source

STUDY_SECONDS = 3600.0
"""A study that takes longer hangs."""


def ingest_part(
    plan: IngestPlan, part: int, store: ObjectStore, record: StepRecord, scratch: Path
) -> list[Any]:
    """Ingest the studies of one task; those that were committed before are taken as they are.

    A study that kills its process is tried once more when no other runs, then stands in the ledger.

    Returns:
        The studies' results.

    Raises:
        SourceUnavailable: If the source stopped answering; what was committed stays.
    """
    names = names_for(DicomConfig.of(plan.config).deidentify)
    studies = plan.parts[part]
    found = {study.key: committed(store, study.key) for study in studies}
    todo = [study for study in studies if found[study.key] is None]
    record.reused = not todo
    record.facts = {"studies": len(studies), "studies_reused": len(studies) - len(todo)}
    if todo:
        uri = _at_hand(names.opened(plan.source)["uri"], scratch)
        worker = _Worker(plan, uri, names, store, scratch)
        done = len(studies) - len(todo)
        for study, result in run_each(todo, worker.work, worker.give_up, preload=__name__):
            found[study.key] = result
            done += 1
            record.advance(done, len(studies), "studies")
    record.advance(len(studies), len(studies), "studies")
    return [found[study.key] for study in studies]


def _at_hand(uri: str, scratch: Path) -> str:
    """An archive is unpacked once for all studies of the task; other sources stay where they are."""
    if not uri.endswith((".tar", ".zip")):
        return uri
    return str(Source(uri, scratch / "archive").root)


class _Worker:
    def __init__(self, plan: IngestPlan, uri: str, names: Names, store: ObjectStore, scratch: Path) -> None:
        self._plan, self._uri, self._names, self._store, self._scratch = plan, uri, names, store, scratch

    def work(self, study: PlannedStudy, mib: int) -> Any:
        """Ingest a study in a process of its own, and commit it."""
        with TemporaryDirectory(prefix="study-", dir=self._scratch) as name:
            folder = Path(name)
            value = run_alone(
                ingest_study,
                (dict(self._plan.config), self._uri, study.sealed, folder),
                folder / "result.json",
                seconds=STUDY_SECONDS,
                mib=mib,
            )
        return commit(self._store, study.key, value)

    def give_up(self, study: PlannedStudy, reason: Crashed) -> Any:
        """Commit that a study cannot be processed."""
        listed = SourceStudy.of(self._names.opened(study.sealed))
        result = StudyResult()
        result.refuse(
            f"study {self._names.shown(listed.study_uid)}",
            Unusable(
                "a study can be processed",
                f"its process, run alone, {reason}",
                "Find the file with another reader, and leave the study out or have it exported again.",
            ),
        )
        return commit(self._store, study.key, asdict(result))


def ingest_study(config: dict[str, Any], uri: str, sealed: str, scratch: Path) -> dict[str, Any]:
    """Ingest one study; runs in a process of its own."""
    wanted = DicomConfig.of(config)
    names = names_for(wanted.deidentify)
    source = open_source(uri, scratch / "source")
    ingest = StudyIngest(source, wanted, names, ObjectStore.from_environment())
    return asdict(ingest(SourceStudy.of(names.opened(sealed)), scratch / "series"))
