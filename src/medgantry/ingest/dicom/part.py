"""One ingest task: its studies, a few at a time, each in a process of its own and committed when it is done."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.errors import ObjectMissing, PreconditionFailed
from medgantry.fingerprint import canonical_json
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.isolation import Crashed, memory_mib, prepare, run_alone
from medgantry.ingest.dicom.names import Names, names_for
from medgantry.ingest.dicom.plan import IngestPlan, PlannedStudy
from medgantry.ingest.dicom.sources.open import open_source
from medgantry.ingest.dicom.sources.source import SourceStudy
from medgantry.ingest.dicom.study import StudyIngest, StudyResult
from medgantry.ledger import Unusable
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source

STUDY_SECONDS = 3600.0
"""A study that takes longer hangs."""
MAX_WORKERS = 4
"""Studies at once; each holds one series in memory."""


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
    names = names_for(DicomConfig.of(plan.config))
    studies = plan.parts[part]
    found = {study.key: _committed(study, store) for study in studies}
    todo = [study for study in studies if found[study.key] is None]
    record.reused = not todo
    record.facts = {"studies": len(studies), "studies_reused": len(studies) - len(todo)}
    if todo:
        prepare()
        uri = _at_hand(names.opened(plan.source)["uri"], scratch)
        runner = _Runner(plan, uri, names, store, scratch)
        done = len(studies) - len(todo)
        for study, result in runner.run(todo):
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


class _Runner:
    def __init__(self, plan: IngestPlan, uri: str, names: Names, store: ObjectStore, scratch: Path) -> None:
        self._plan, self._uri, self._names, self._store, self._scratch = plan, uri, names, store, scratch

    def run(self, todo: Sequence[PlannedStudy]) -> Any:
        """Studies with their results, as they are done."""
        workers = min(MAX_WORKERS, len(os.sched_getaffinity(0)), len(todo))
        crashed = []
        with ThreadPoolExecutor(workers) as pool:
            jobs = {pool.submit(self._one, study, memory_mib() // workers): study for study in todo}
            try:
                for job in as_completed(jobs):
                    try:
                        yield jobs[job], job.result()
                    except Crashed:
                        crashed.append(jobs[job])
            except BaseException:  # the source went away: what waits must not begin
                pool.shutdown(cancel_futures=True)
                raise
        for study in crashed:
            try:
                yield study, self._one(study, memory_mib())
            except Crashed as reason:
                yield study, self._commit(study, self._refused(study, str(reason)))

    def _one(self, study: PlannedStudy, mib: int) -> Any:
        with TemporaryDirectory(prefix="study-", dir=self._scratch) as name:
            folder = Path(name)
            value = run_alone(
                ingest_study,
                (dict(self._plan.config), self._uri, study.sealed, folder),
                folder / "result.json",
                seconds=STUDY_SECONDS,
                mib=mib,
            )
        return self._commit(study, value)

    def _commit(self, study: PlannedStudy, value: Any) -> Any:
        with suppress(PreconditionFailed):  # another attempt got as far as this
            self._store.put_bytes(study.key, canonical_json(value).encode(), if_absent=True)
        return json.loads(self._store.get_bytes(study.key))

    def _refused(self, study: PlannedStudy, reason: str) -> Any:
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
        return asdict(result)


def ingest_study(config: dict[str, Any], uri: str, sealed: str, scratch: Path) -> dict[str, Any]:
    """Ingest one study; runs in a process of its own."""
    wanted = DicomConfig.of(config)
    names = names_for(wanted)
    source = open_source(uri, scratch / "source")
    ingest = StudyIngest(source, wanted, names, ObjectStore.from_environment())
    return asdict(ingest(SourceStudy.of(names.opened(sealed)), scratch / "series"))


def _committed(study: PlannedStudy, store: ObjectStore) -> Any:
    try:
        return json.loads(store.get_bytes(study.key))
    except ObjectMissing:
        return None
