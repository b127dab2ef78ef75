"""One extraction task: its cases, a few at a time, each in a process of its own and committed when it is done."""

from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.cohort import Cohort, File
from medgantry.errors import InvalidInput, ObjectMissing
from medgantry.features.radiomics.case import Result, measure_case, refused
from medgantry.features.radiomics.config import RadiomicsConfig
from medgantry.features.radiomics.plan import RadiomicsPlan, result_key
from medgantry.isolation import Crashed, run_alone, run_each
from medgantry.ledger import Unusable
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.commits import commit, committed
from medgantry.storage.files import fetch

CASE_SECONDS = 3600.0
"""A case that takes longer hangs."""


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
    worker = _Worker(plan, cohort, store)
    cases = plan.parts[part]
    found = {case_id: done for case_id in cases if (done := worker.committed(case_id)) is not None}
    todo = [case_id for case_id in cases if case_id not in found]
    record.reused = not todo
    record.facts = {"cases": len(cases), "cases_reused": len(found)}
    for case_id, result in run_each(todo, worker.work, worker.give_up, preload=measure_case.__module__):
        found[case_id] = result
        record.advance(len(found), len(cases), "cases")
    record.advance(len(cases), len(cases), "cases")
    return {case_id: found[case_id] for case_id in cases}


class _Worker:
    def __init__(self, plan: RadiomicsPlan, cohort: Cohort, store: ObjectStore) -> None:
        self._plan, self._cohort, self._store = plan, cohort, store
        self._config = RadiomicsConfig.of(plan.config)

    def committed(self, case_id: str) -> Result | None:
        """What an earlier run found of the same files."""
        try:
            key = result_key(self._plan.spec, *self._files(case_id))
        except Unusable:
            return None
        found: Result | None = committed(self._store, key)
        return found

    def work(self, case_id: str, mib: int) -> Result:
        """Measure a case in a process of its own, and commit what follows from its files."""
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
        kept: Result = commit(self._store, result_key(self._plan.spec, image, labels), {**value, **files})
        return kept

    def give_up(self, case_id: str, reason: Crashed) -> Result:
        """Say that a case cannot be processed in this run."""
        return self._refused("a case can be processed", f"its process, run alone, {reason}")

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
