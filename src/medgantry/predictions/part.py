"""One prediction task: its cases, one after another, each committed when it is done."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort, File
from medgantry.dicom.source_instances import source_instances
from medgantry.each_case import for_each_case
from medgantry.fingerprint import hash_file
from medgantry.ledger import Entry
from medgantry.predictions.plan import INPUTS, SOURCE, STEP, PredictionPlan, result_key
from medgantry.predictions.predictor import Predictor, open_predictor
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.commits import commit, committed
from medgantry.storage.files import fetch, keep

Result = dict[str, Any]
"""Of a case: `files` (rows of a cohort's, without its name), `rows` (of the measurement table), `inputs` (SHA-256 of what the
network saw) and `sop_instance_uids` (what that was made of)."""


def predict_part(
    plan: PredictionPlan,
    cohort: Cohort,
    bundle: Bundle,
    *,
    part: int,
    store: ObjectStore,
    record: StepRecord,
) -> tuple[dict[str, Result], list[Entry]]:
    """Predict the cases of one task; those that were committed before are taken as they are.

    A case that fails is a verdict of this run only: it may go better with more memory.

    Returns:
        Case id -> result, and the verdicts on cases that failed.

    Raises:
        Mismatch: If the plan is of another cohort or bundle.
        InvalidBundle: If the bundle can't predict.
    """
    plan.check_fits(cohort, bundle)
    record.use(f"predictions/{plan.spec}")
    cases = plan.parts[part]
    keys = {case_id: result_key(plan.spec, cohort.files_of.get(case_id, ())) for case_id in cases}
    found = {case_id: done for case_id in cases if (done := committed(store, keys[case_id])) is not None}
    todo = [case_id for case_id in cases if case_id not in found]
    record.reused = not todo
    record.facts = {"cases": len(cases), "cases_reused": len(found)}
    if not todo:
        return found, []
    predictor = open_predictor(bundle)

    def work(case_id: str) -> None:
        result = _predict(predictor, cohort.files_of.get(case_id, ()), store)
        found[case_id] = commit(store, keys[case_id], result)

    entries = for_each_case(
        todo, work, step=STEP, wanted="the case can be predicted", done="predicted", record=record
    )
    return found, [entry for entry in entries if entry.verdict == "rejected"]


def _predict(predictor: Predictor, files: Sequence[File], store: ObjectStore) -> Result:
    """The answer about a case, its files kept in the store."""
    inputs = [file for file in files if file.role in INPUTS]
    with TemporaryDirectory(prefix="medgantry-predict-") as name:
        scratch = Path(name)
        answer = predictor.predict(inputs, scratch)
        kept = [_kept(role, path, inputs[0], store) for role, path in answer.files.items()]
        packed = [file for file in files if file.role == SOURCE]
        instances = [
            uid
            for file in packed
            for uid in source_instances(fetch(file.uri, file.sha256, scratch, file.format))
        ]
    return {
        "files": kept,
        "rows": list(answer.rows),
        "inputs": sorted({file.sha256 for file in inputs}),
        "sop_instance_uids": instances,
    }


def _kept(role: str, path: Path, source: File, store: ObjectStore) -> dict[str, Any]:
    """The row of a file on its source's grid, without the case: other cases may have the same content."""
    sha256 = hash_file(path)
    row = File(
        case_id="",
        role=role,
        channel="",
        channel_index=-1,
        uri=keep(store, path, sha256),
        format="nii.gz",
        sha256=sha256,
        shape=[int(size) for size in nibabel.load(path).shape[:3]],
        spacing_mm=list(source.spacing_mm),
        orientation=source.orientation,
    )
    return asdict(row)
