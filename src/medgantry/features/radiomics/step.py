"""The steps `plan_radiomics`, `extract_radiomics` and `merge_radiomics`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medgantry import ledger
from medgantry.cohort import Cohort
from medgantry.documents import read_document, write_document
from medgantry.features.radiomics.columns import feature_columns
from medgantry.features.radiomics.config import choose
from medgantry.features.radiomics.merge import STEP, merge_results
from medgantry.features.radiomics.part import extract_part
from medgantry.features.radiomics.plan import RadiomicsPlan, plan_cases
from medgantry.steps import step
from medgantry.storage import ObjectStore

RECEIPT = "receipt.json"
RECEIPT_SCHEMA = "medgantry/radiomics-receipt/1"


def plan(
    cohort_folder: Path, output: Path, *, settings: str, regions: str, channel: str, min_voxels: int
) -> list[int]:
    """Write a plan; returns the indices of the fan-out's tasks."""
    with step("plan_radiomics") as record:
        cohort = Cohort.open(cohort_folder)
        config = choose(cohort, settings=settings, regions=regions, channel=channel, min_voxels=min_voxels)
        made = plan_cases(cohort, config)
        made.save(output)
        record.facts = {
            "cases": len(cohort.cases),
            "tasks": len(made.parts),
            "columns": len(feature_columns(config)),
            "spec": made.spec,
        }
        return list(range(len(made.parts)))


def extract(plan_folder: Path, cohort_folder: Path, output: Path, *, index: int) -> None:
    """Measure one task's cases and write a receipt of what was found."""
    with step(STEP, iteration=index) as record:
        results = extract_part(
            RadiomicsPlan.open(plan_folder),
            Cohort.open(cohort_folder),
            part=index,
            store=ObjectStore.from_environment(),
            record=record,
        )
        write_document(output / RECEIPT, RECEIPT_SCHEMA, {"cases": results})


def merge(
    cohort_folder: Path,
    plan_folder: Path,
    receipt_folders: Sequence[Path],
    output: Path,
    *,
    max_rejected: float,
) -> None:
    """Fold the receipts into a table."""
    with step("merge_radiomics") as record:
        results: dict[str, Any] = {}
        for folder in receipt_folders:
            results |= read_document(folder / RECEIPT, RECEIPT_SCHEMA)["cases"]
        cohort, made = Cohort.open(cohort_folder), RadiomicsPlan.open(plan_folder)
        table = merge_results(cohort, made, results, max_rejected=max_rejected)
        table.save(output)
        record.use(f"radiomics/{made.spec}")
        record.verdicts = ledger.counts(table.entries)
        record.facts = {
            "content_hash": table.content_hash,
            "subjects": len(table.subjects),
            "rows": len(table.rows),
            "columns": len(table.columns),
            "rejected": [asdict(e) for e in table.entries if (e.verdict, e.step) == ("rejected", STEP)][:100],
        }
