"""Batch inference: a trained bundle over a cohort, to a cohort with predictions."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.cohort import Cohort, File
from medgantry.each_case import for_each_case
from medgantry.errors import InvalidInput
from medgantry.fingerprint import code_fingerprint, hash_file, hash_value
from medgantry.inference.segmenter import Segmenter
from medgantry.steps import StepRecord, reuse_or_build, step
from medgantry.storage import ObjectStore
from medgantry.storage.files import keep

STEP = "predict"
ROLE = "prediction"
UNCERTAINTY = "uncertainty"


def predict_step(bundle_folder: Path, cohort_folder: Path, output: Path, *, split: str) -> None:
    """Write a cohort with predictions; the arguments are the component's."""
    with step(STEP) as record:
        cohort, bundle = Cohort.open(cohort_folder), Bundle(bundle_folder)
        bundle.check_channels(cohort)
        store = ObjectStore.from_environment()
        content = [bundle.weights_hash, bundle.config_hash, cohort.cohort_hash, split, code_fingerprint()]
        if split:
            content.append(cohort.split_hash)

        def build(folder: Path) -> None:
            predict_cohort(bundle, cohort, split, store, record).save(folder)

        reuse_or_build(record, store, f"steps/{STEP}/{hash_value(content)}", output, build)
        made = Cohort.open(output)
        failed = [
            asdict(entry) for entry in made.entries if entry.step == STEP and entry.verdict == "rejected"
        ]
        record.facts = {"predicted": sum(file.role == ROLE for file in made.files), "rejected": failed[:100]}


def predict_cohort(
    bundle: Bundle, cohort: Cohort, split: str, store: ObjectStore, record: StepRecord
) -> Cohort:
    """Predict every case, or those on one side.

    Args:
        bundle: Trained.
        cohort: With the bundle's channels.
        split: A side; empty for all.
        store: Where predictions go.
        record: The step's record.

    Returns:
        The cohort of these cases, with a file of role `prediction` each: a label map with the codes that the bundle was
        trained with. An ensemble, or test-time augmentation, adds one of role `uncertainty`. A case that fails stays in
        the ledger alone.

    Raises:
        InvalidInput: If the cohort has no such case, or none could be predicted.
    """
    wanted = [case for case in cohort.cases if not split or case.split == split]
    if not wanted:
        raise InvalidInput(f"No case is on side {split!r}.", "Leave split empty to predict all.")
    predictor = Segmenter(bundle)
    made: dict[str, list[File]] = {}

    def work(case_id: str) -> None:
        made[case_id] = _predict(predictor, cohort, case_id, store)

    entries = for_each_case(
        [case.case_id for case in wanted],
        work,
        step=STEP,
        wanted="the case can be predicted",
        done="predicted in source geometry",
        record=record,
    )
    cases = [case for case in wanted if case.case_id in made]
    files = [file for name, answers in made.items() for file in (*cohort.files_of[name], *answers)]
    if not cases:
        raise InvalidInput(f"None of {len(wanted)} cases could be predicted: {entries[-1].evidence}")
    provenance = {**cohort.provenance, "predicted_with": bundle.weights_hash}
    return replace(
        cohort, cases=cases, files=files, entries=[*cohort.entries, *entries], provenance=provenance
    )


def _predict(predictor: Segmenter, cohort: Cohort, case_id: str, store: ObjectStore) -> list[File]:
    """The answers about a case, kept in the store."""
    with TemporaryDirectory(prefix="medgantry-predict-") as name:
        scratch = Path(name)
        files = cohort.files_of[case_id]
        item = bring_case(files, predictor.bundle, scratch)
        found = predictor.predict_case(item)
        targets = {ROLE: scratch / "prediction.nii.gz"}
        found.save(targets[ROLE])
        if found.uncertainty is not None:
            targets[UNCERTAINTY] = scratch / "uncertainty.nii.gz"
            found.save_uncertainty(targets[UNCERTAINTY])
        source = next(file for file in files if file.role == "image")
        return [_kept(path, source, role, found.labels.shape, store) for role, path in targets.items()]


def _kept(path: Path, source: File, role: str, shape: Sequence[int], store: ObjectStore) -> File:
    """A file on its source's grid."""
    sha256 = hash_file(path)
    return File(
        case_id=source.case_id,
        role=role,
        channel="",
        channel_index=-1,
        uri=keep(store, path, sha256),
        format="nii.gz",
        sha256=sha256,
        shape=[int(size) for size in shape],
        spacing_mm=source.spacing_mm,
        orientation=source.orientation,
    )
