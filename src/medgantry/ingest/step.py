"""The step `ingest_nifti`."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.cohort import Cohort
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.ingest.nifti import STEP, IngestConfig, files_read, ingest, read_layout
from medgantry.parameters import json_object
from medgantry.steps import reuse_or_build, step
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source


def ingest_nifti(
    output: Path,
    *,
    source: str,
    source_md5: str,
    layout: str,
    regions: str,
    labels: str,
    max_rejected: float,
    external: bool,
) -> None:
    """Read a source into a cohort's folder; the arguments are the component's."""
    config = IngestConfig(
        regions=json_object("regions", regions),
        labels=json_object("labels", labels),
        layout=layout,
        max_rejected=max_rejected,
        external=external,
    )
    with step(STEP) as record, TemporaryDirectory(prefix="medgantry-") as scratch:
        store = ObjectStore.from_environment()
        place = Source(source, Path(scratch), source_md5)
        found = read_layout(place, config)
        content = [
            asdict(found),
            place.fingerprint(files_read(place, found)),
            asdict(config),
            source,
            code_fingerprint(),
        ]

        def build(folder: Path) -> None:
            ingest(place, found, config, store).save(folder)

        reuse_or_build(record, store, f"steps/{STEP}/{hash_value(content)}", output, build)
        cohort = Cohort.open(output)
        record.verdicts = ledger.counts(cohort.entries)
        rejected = [asdict(entry) for entry in cohort.entries if entry.verdict == "rejected"]
        record.facts = {"cohort_hash": cohort.cohort_hash, "rejected": rejected[:100]}
