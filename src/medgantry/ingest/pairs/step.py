"""The step `ingest_pairs`."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.cohort import Cohort
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.ingest.pairs.ingest import STEP, PairsConfig, files_read, ingest_pairs, read_pairs
from medgantry.steps import reuse_or_build, step
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source


def ingest_pairs_step(output: Path, *, source: str, source_md5: str, config: PairsConfig) -> None:
    """Read a source into a cohort's folder; the arguments are the component's."""
    with step(STEP) as record, TemporaryDirectory(prefix="medgantry-") as scratch:
        store = ObjectStore.from_environment()
        place = Source(source, Path(scratch), source_md5)
        found = read_pairs(place, config)
        read = place.fingerprint(files_read(found))
        content = [asdict(found), read, asdict(config), source, code_fingerprint()]

        def build(folder: Path) -> None:
            ingest_pairs(place, found, config, store).save(folder)

        reuse_or_build(record, store, f"steps/{STEP}/{hash_value(content)}", output, build)
        cohort = Cohort.open(output)
        record.verdicts = ledger.counts(cohort.entries)
        rejected = [asdict(entry) for entry in cohort.entries if entry.verdict == "rejected"]
        record.facts = {"cohort_hash": cohort.cohort_hash, "rejected": rejected[:100]}
