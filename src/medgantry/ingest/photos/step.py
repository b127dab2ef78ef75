"""The step `ingest_photos`."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.cohort import Cohort
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.ingest.photos.cohort import STEP, TARGET, files_read, ingest, plan_photos
from medgantry.ingest.photos.config import PhotoColumns, PhotoConfig
from medgantry.parameters import json_object
from medgantry.steps import reuse_or_build, step
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source


def ingest_photos(
    output: Path,
    *,
    source: str,
    metadata: str,
    images: str,
    columns: str,
    classes: str,
    licence: str,
    max_rejected: float,
    external: bool,
) -> None:
    """Read a source into a cohort's folder; the arguments are the component's."""
    config = PhotoConfig(
        metadata=metadata,
        images=images,
        columns=PhotoColumns.parse(json_object("columns", columns)),
        classes=[name.strip() for name in classes.split(",") if name.strip()],
        licence=licence,
        max_rejected=max_rejected,
        external=external,
    )
    with step(STEP) as record, TemporaryDirectory(prefix="medgantry-") as scratch:
        store = ObjectStore.from_environment()
        place = Source(source, Path(scratch))
        plan = plan_photos(place, config)
        refused = [[item, verdict.rule, verdict.evidence] for item, verdict in plan.refused]
        listed = [asdict(item) for item in plan.listed]
        content = [
            listed, refused, place.fingerprint(files_read(plan)), asdict(config), source, code_fingerprint(),
        ]  # fmt: skip

        def build(folder: Path) -> None:
            ingest(place, plan, config, store).save(folder)

        reuse_or_build(record, store, f"steps/{STEP}/{hash_value(content)}", output, build)
        cohort = Cohort.open(output)
        record.verdicts = ledger.counts(cohort.entries)
        rejected = [asdict(entry) for entry in cohort.entries if entry.verdict == "rejected"]
        classes_found = Counter(case.targets.get(TARGET, "") for case in cohort.cases)
        record.facts = {
            "cohort_hash": cohort.cohort_hash,
            "classes": dict(sorted(classes_found.items())),
            "rejected": rejected[:100],
        }
