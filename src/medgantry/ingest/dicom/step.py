"""The steps `plan_ingest`, `ingest_dicom_shard` and `merge_cohort`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.documents import read_document, write_document
from medgantry.errors import MedgantryError
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.merge import merge_studies
from medgantry.ingest.dicom.names import names_for
from medgantry.ingest.dicom.part import ingest_part
from medgantry.ingest.dicom.plan import IngestPlan, plan_studies
from medgantry.ingest.dicom.quality import quality_page
from medgantry.ingest.dicom.reidentification import keep_table
from medgantry.ingest.dicom.selection import Select
from medgantry.ingest.dicom.sources.open import open_source
from medgantry.isolation import where_of
from medgantry.parameters import json_object
from medgantry.steps import StepRecord, run_id, step
from medgantry.storage import ObjectStore
from medgantry.tracking import TrackedRun

RECEIPT = "receipt.json"
RECEIPT_SCHEMA = "medgantry/ingest-receipt/1"


@contextmanager
def _step(name: str, iteration: int = -1) -> Iterator[StepRecord]:
    """A step whose unexpected errors are told by kind and place: their texts may hold paths and values."""
    with step(name, iteration=iteration) as record:
        try:
            yield record
        except MedgantryError:
            raise
        except Exception as error:  # noqa: BLE001 whatever it is
            raise MedgantryError(
                f"The step met {type(error).__name__} {where_of(error)}.", "Report it with this line."
            ) from None


def plan(
    output: Path,
    *,
    source: str,
    select: str,
    labels: str,
    deidentify: str,
    repairs: str,
    keep_dicom: bool,
    reidentification: bool,
    shards: int,
) -> list[int]:
    """List the source and write a plan; returns the indices of the fan-out's tasks."""
    with _step("plan_ingest") as record, TemporaryDirectory(prefix="medgantry-") as scratch:
        config = DicomConfig(
            select=Select.of(json_object("select", select)),
            labels=json_object("labels", labels),
            deidentify=deidentify,
            repairs=tuple(name.strip() for name in repairs.split(",") if name.strip()),
            keep_dicom=keep_dicom,
        )
        names = names_for(config.deidentify)
        listing = open_source(source, Path(scratch)).studies()
        made = plan_studies(source, listing, config, names, parts=shards)
        made.save(output)
        record.facts = {
            "studies": len(listing.studies),
            "tasks": len(made.parts),
            "refused": len(listing.refused),
        }
        if reidentification:
            store = ObjectStore.from_environment()
            record.facts["reidentification"] = keep_table(listing, names, store)
        return list(range(len(made.parts)))


def ingest_shard(plan_folder: Path, output: Path, *, index: int) -> None:
    """Ingest one task's studies and write a receipt of their results."""
    with (
        step("ingest_dicom_shard", iteration=index) as record,
        TemporaryDirectory(prefix="medgantry-") as scratch,
    ):
        made = IngestPlan.open(plan_folder)
        results = ingest_part(made, index, ObjectStore.from_environment(), record, Path(scratch))
        write_document(output / RECEIPT, RECEIPT_SCHEMA, {"studies": results})


def merge(
    plan_folder: Path,
    receipt_folders: Sequence[Path],
    output: Path,
    report: Path,
    *,
    regions: str,
    max_rejected: float,
    external: bool,
) -> None:
    """Fold the receipts into a cohort, with a report on its quality."""
    with _step("merge_cohort") as record:
        made = IngestPlan.open(plan_folder)
        results = [
            result
            for folder in receipt_folders
            for result in read_document(folder / RECEIPT, RECEIPT_SCHEMA)["studies"]
        ]
        cohort = merge_studies(
            made,
            results,
            regions=json_object("regions", regions),
            max_rejected=max_rejected,
            external=external,
        )
        cohort.save(output)
        page = quality_page(cohort, results, DicomConfig.of(made.config))
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(page)
        with TemporaryDirectory(prefix="medgantry-") as scratch:
            named = Path(scratch) / "quality.html"
            named.write_text(page)
            TrackedRun(run_id()).artifacts([named], "cohort")
        record.verdicts = ledger.counts(cohort.entries)
        rejected = [asdict(entry) for entry in cohort.entries if entry.verdict == "rejected"]
        record.facts = {
            "cohort_hash": cohort.cohort_hash,
            "cases": len(cohort.cases),
            "rejected": rejected[:100],
        }
