"""One task: its samples, one after another, each committed before the next begins."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq

from medgantry.errors import PreconditionFailed
from medgantry.features.expression.quantification.archive import unpack_run
from medgantry.features.expression.quantification.fastq import count_pairs
from medgantry.features.expression.quantification.places import bring
from medgantry.features.expression.quantification.plan import ExpressionPlan
from medgantry.features.expression.quantification.salmon import quantify
from medgantry.features.expression.quantification.sample import Sample
from medgantry.fingerprint import hash_file
from medgantry.ingest.dicom.names import names_for
from medgantry.ledger import Unusable
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore, fetch_folder
from medgantry.storage.commits import commit, committed


def quantify_part(
    plan: ExpressionPlan, part: int, store: ObjectStore, record: StepRecord
) -> list[dict[str, Any]]:
    """Quantify the samples of one task; those that were done before are taken as they are.

    Returns:
        For each its subject and either what was committed (`uri`, `sha256`, `quality`) or why there is nothing
        (`rejected`). A rejected sample is tried again by the next run.
    """
    samples, names = plan.part(part), names_for(plan.deidentify)
    record.use(f"expression/{plan.spec}")
    record.use(plan.index)
    results: list[dict[str, Any]] = []
    made = 0
    with TemporaryDirectory(prefix="medgantry-index-") as scratch:

        @cache
        def index() -> Path:
            folder = Path(scratch) / "index"
            fetch_folder(store, plan.index, folder)
            return folder

        for done, planned in enumerate(samples):
            record.advance(done, len(samples), "samples")
            if (earlier := committed(store, planned.key)) is not None:
                results.append({"subject": planned.subject, **earlier})
                continue
            made += 1
            try:
                result = _quantify(Sample(**names.opened(planned.sealed)), index(), planned.key, store)
            except Unusable as verdict:
                result = {"rejected": verdict.document()}
            results.append({"subject": planned.subject, **result})
    record.reused = made == 0
    record.facts = {"samples_made": made, "samples_reused": len(samples) - made}
    record.advance(len(samples), len(samples), "samples")
    return results


def _quantify(sample: Sample, index: Path, key: str, store: ObjectStore) -> Mapping[str, Any]:
    """Quantify a sample and commit it: the table first, then the JSON that says it is done; the first one stands."""
    with TemporaryDirectory(prefix="medgantry-reads-") as name:
        scratch = Path(name)
        mates = _mates(sample, scratch)
        pairs = count_pairs(*mates)
        quality, transcripts = quantify(index, mates, scratch / "salmon")
        if quality.pairs != pairs:
            raise Unusable(
                "salmon reads every pair", f"{quality.pairs} of {pairs}", "Report it: the files were whole."
            )
        path = scratch / "transcripts.parquet"
        pq.write_table(transcripts, path)
        sha256 = hash_file(path)
        table_key = f"{key.removesuffix('.json')}-{sha256[:16]}.parquet"
        with suppress(PreconditionFailed):  # the same bytes
            store.put_file(table_key, path, if_absent=True)
    result = {"uri": store.uri(table_key), "sha256": sha256, "quality": asdict(quality)}
    return dict(commit(store, key, result))


def _mates(sample: Sample, scratch: Path) -> tuple[Path, Path]:
    if sample.sra:
        return unpack_run(sample, scratch)
    # salmon goes by the name whether a file is FASTQ, and by its content whether it is gzip.
    return bring(sample.fastq_1, scratch / "mate_1.fastq"), bring(sample.fastq_2, scratch / "mate_2.fastq")
