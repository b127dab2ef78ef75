"""The steps `plan_predictions`, `predict_part` and `merge_predictions`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medgantry import ledger
from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.documents import read_document, write_document
from medgantry.ledger import Entry
from medgantry.predictions.merge import merge_results
from medgantry.predictions.plan import STEP, PredictionPlan, plan_predictions
from medgantry.steps import step
from medgantry.storage import ObjectStore

RECEIPT = "receipt.json"
RECEIPT_SCHEMA = "medgantry/prediction-receipt/1"


def plan(cohort_folder: Path, bundle_folder: Path, output: Path, *, split: str) -> list[int]:
    """Write a plan; returns the indices of the fan-out's tasks."""
    with step("plan_predictions") as record:
        made = plan_predictions(Cohort.open(cohort_folder), Bundle(bundle_folder), split=split)
        made.save(output)
        record.facts = {"cases": len(made.cases), "tasks": len(made.parts), "spec": made.spec}
        return list(range(len(made.parts)))


def predict(plan_folder: Path, cohort_folder: Path, bundle_folder: Path, output: Path, *, index: int) -> None:
    """Predict one task's cases and write a receipt of what was committed."""
    from medgantry.predictions.part import predict_part  # the other two steps run where no torch is

    with step(STEP, iteration=index) as record:
        results, rejected = predict_part(
            PredictionPlan.open(plan_folder),
            Cohort.open(cohort_folder),
            Bundle(bundle_folder),
            part=index,
            store=ObjectStore.from_environment(),
            record=record,
        )
        content = {"cases": results, "rejected": [asdict(entry) for entry in rejected]}
        write_document(output / RECEIPT, RECEIPT_SCHEMA, content)


def merge(
    cohort_folder: Path,
    plan_folder: Path,
    receipt_folders: Sequence[Path],
    predictions: Path,
    measurements: Path,
    *,
    max_rejected: float,
) -> None:
    """Fold the receipts into a cohort with predictions and a table of measurements."""
    with step("merge_predictions") as record:
        results: dict[str, Any] = {}
        rejected: list[Entry] = []
        for folder in receipt_folders:
            receipt = read_document(folder / RECEIPT, RECEIPT_SCHEMA)
            results |= receipt["cases"]
            rejected += [Entry(**row) for row in receipt["rejected"]]
        made = PredictionPlan.open(plan_folder)
        record.use(f"predictions/{made.spec}")
        cohort, table = merge_results(
            Cohort.open(cohort_folder), made, results, rejected, max_rejected=max_rejected
        )
        cohort.save(predictions)
        table.save(measurements)
        record.verdicts = ledger.counts(cohort.entries)
        record.facts = {
            "predicted": len(cohort.cases),
            "cohort_hash": cohort.cohort_hash,
            "rejected": [asdict(entry) for entry in rejected][:100],
        }
