"""The step `split_cohort`."""

from dataclasses import asdict
from pathlib import Path

from medgantry.cohort.cohort import Cohort
from medgantry.cohort.split import SplitConfig, parse_assignment, split_cohort
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.steps import reuse_or_build, step
from medgantry.storage import ObjectStore

STEP = "split_cohort"


def split(
    cohort_folder: Path,
    output: Path,
    *,
    validation: float,
    test: float,
    seed: int,
    stratify_by: str,
    assignment: str,
    accepted_duplicates: str,
) -> None:
    """Split a cohort's folder into another; the arguments are the component's."""
    with step(STEP) as record:
        config = SplitConfig(
            validation=validation,
            test=test,
            seed=seed,
            stratify_by=stratify_by,
            assignment=parse_assignment(assignment),
            accepted_duplicates=[name.strip() for name in accepted_duplicates.split(",") if name.strip()],
        )
        cohort = Cohort.open(cohort_folder)
        content = [
            cohort.cohort_hash,
            sorted([file.case_id, file.sha256, file.fingerprint] for file in cohort.files),
            [asdict(e) for e in cohort.entries],
            asdict(config),
            code_fingerprint(),
        ]
        prefix = f"steps/{STEP}/{hash_value(content)}"
        store = ObjectStore.from_environment()
        reuse_or_build(
            record, store, prefix, output, lambda folder: split_cohort(cohort, config).save(folder)
        )
        divided = Cohort.open(output)
        sides = {side: len(divided.side(side)) for side in ("train", "validation", "test")}
        record.facts = {"split_hash": divided.split_hash, "uri": store.uri(prefix), **sides}
