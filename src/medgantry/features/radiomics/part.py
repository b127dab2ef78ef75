"""One extraction task: its cases, a few at a time, each in a process of its own and committed when it is done."""

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.cohort import Cohort, File
from medgantry.errors import InvalidInput, ObjectMissing, PreconditionFailed
from medgantry.features.radiomics.case import Result, measure_case, refused
from medgantry.features.radiomics.config import RadiomicsConfig
from medgantry.features.radiomics.plan import RadiomicsPlan, result_key
from medgantry.fingerprint import canonical_json
from medgantry.ingest.dicom.isolation import Crashed, memory_mib, run_alone
from medgantry.ledger import Unusable
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.files import fetch

CASE_SECONDS = 3600.0
"""A case that takes longer hangs."""
MAX_WORKERS = 4
"""Cases at once; each holds its volumes in memory."""


def extract_part(
    plan: RadiomicsPlan, cohort: Cohort, *, part: int, store: ObjectStore, record: StepRecord
) -> dict[str, Result]:
    """Measure the cases of one task; those that were committed before are taken as they are.

    What follows from a case's files is committed. What may go better another time, a file that is not what was
    ingested or a process that died, is a verdict of this run only.

    Returns:
        Case id -> result.

    Raises:
        Mismatch: If the plan is of another cohort.
    """
    plan.check_fits(cohort)
    record.use(f"radiomics/{plan.spec}")
    runner = _Runner(plan, cohort, store)
    cases = plan.parts[part]
    found = {case_id: done for case_id in cases if (done := runner.committed(case_id)) is not None}
    todo = [case_id for case_id in cases if case_id not in found]
    record.reused = not todo
    record.facts = {"cases": len(cases), "cases_reused": len(found)}
    for case_id, result in runner.run(todo):
        found[case_id] = result
        record.advance(len(found), len(cases), "cases")
    record.advance(len(cases), len(cases), "cases")
    return {case_id: found[case_id] for case_id in cases}


class _Runner:
    def __init__(self, plan: RadiomicsPlan, cohort: Cohort, store: ObjectStore) -> None:
        self._plan, self._cohort, self._store = plan, cohort, store
        self._config = RadiomicsConfig.of(plan.config)

    def committed(self, case_id: str) -> Result | None:
        """What an earlier run found of the same files."""
        try:
            found: Result = json.loads(
                self._store.get_bytes(result_key(self._plan.spec, *self._files(case_id)))
            )
        except (ObjectMissing, Unusable):
            return None
        return found

    def run(self, todo: Sequence[str]) -> Iterator[tuple[str, Result]]:
        """Cases with their results, as they are done; one that kills its process is tried again when it is alone."""
        if not todo:
            return
        multiprocessing.set_forkserver_preload([measure_case.__module__])
        workers = min(MAX_WORKERS, len(os.sched_getaffinity(0)), len(todo))
        crashed = []
        with ThreadPoolExecutor(workers) as pool:
            jobs = {pool.submit(self._one, case_id, memory_mib() // workers): case_id for case_id in todo}
            try:
                for job in as_completed(jobs):
                    try:
                        yield jobs[job], job.result()
                    except Crashed:
                        crashed.append(jobs[job])
            except BaseException:  # the store went away: what waits must not begin
                pool.shutdown(cancel_futures=True)
                raise
        for case_id in crashed:
            try:
                yield case_id, self._one(case_id, memory_mib())
            except Crashed as reason:
                yield case_id, self._refused("a case can be processed", f"its process, run alone, {reason}")

    def _one(self, case_id: str, mib: int) -> Result:
        try:
            image, labels = self._files(case_id)
            with TemporaryDirectory(prefix="radiomics-") as name:
                folder = Path(name)
                paths = [str(fetch(file.uri, file.sha256, folder, file.format)) for file in (image, labels)]
                arguments = (dict(self._plan.config), paths[0], image.channel_index, paths[1], name)
                value = run_alone(
                    measure_case, arguments, folder / "result.json", seconds=CASE_SECONDS, mib=mib
                )
        except Unusable as broken:
            return {"regions": refused(self._config, broken)}
        except (InvalidInput, ObjectMissing) as error:
            return self._refused("the files are those that were ingested", error.message)
        files = {"image_sha256": image.sha256, "label_sha256": labels.sha256}
        return self._commit(result_key(self._plan.spec, image, labels), {**value, **files})

    def _files(self, case_id: str) -> tuple[File, File]:
        """A case's image of the wanted channel, and its label map."""
        files = self._cohort.files_of.get(case_id, ())
        images = [file for file in files if file.role == "image" and file.channel == self._config.channel]
        labels = [file for file in files if file.role == "label"]
        if not images or not labels:
            raise Unusable(
                f"a case has an image of channel {self._config.channel} and a label map",
                f"{len(images)} and {len(labels)} were found",
                "Ingest the case with its mask, or leave it out.",
            )
        return images[0], labels[0]

    def _refused(self, rule: str, evidence: str) -> Result:
        broken = Unusable(
            rule, evidence, "Run the step again; if it stays so, ingest the case again or leave it out."
        )
        return {"regions": refused(self._config, broken)}

    def _commit(self, key: str, value: Any) -> Result:
        with suppress(PreconditionFailed):  # another attempt got as far as this
            self._store.put_bytes(key, canonical_json(value).encode(), if_absent=True)
        kept: Result = json.loads(self._store.get_bytes(key))
        return kept
