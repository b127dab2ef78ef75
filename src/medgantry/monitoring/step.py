"""The step `report_drift`."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.cohort import Cohort
from medgantry.monitoring.comparing import compare, tell
from medgantry.monitoring.period import parse_period
from medgantry.monitoring.reference import Reference, make_reference, reference_key
from medgantry.monitoring.request_log import read_requests
from medgantry.steps import StepRecord, reuse_or_build, step
from medgantry.storage import ObjectStore

STEP = "report_drift"


def report_drift_step(
    cohort_folder: Path, drift: Path, report: Path, *, model_name: str, since: str, until: str
) -> dict[str, float]:
    """Compare logged requests with training cases; drift is a result and no failure.

    Args:
        cohort_folder: A cohort.
        drift: The JSON file.
        report: The page.
        model_name: Of the deployed model.
        since: As `parse_period` takes it.
        until: As `parse_period` takes it.

    Returns:
        `Finding.metrics`, for KFP's Metrics.
    """
    with step(STEP) as record:
        begin, end = parse_period(since, until, datetime.now(UTC))
        cohort = Cohort.open(cohort_folder)
        store = ObjectStore.from_environment()
        window = read_requests(store, model_name, begin, end)
        reference, entries = _reference(cohort, store, record)
        made_before, record.reused = record.reused, False  # the comparison never is
        record.verdicts = ledger.counts(entries)
        rejected = record.verdicts["rejected"]
        finding = compare(model_name, window, reference, rejected=rejected)
        tell(finding, record, drift, report)
        record.facts |= {
            "rejected": [asdict(entry) for entry in entries if entry.verdict == "rejected"][:100],
            "reference_reused": made_before,
        }
        return finding.metrics()


def _reference(
    cohort: Cohort, store: ObjectStore, record: StepRecord
) -> tuple[Reference, list[ledger.Entry]]:
    """What training cases look like, made once for a cohort and its split."""
    with TemporaryDirectory(prefix="medgantry-drift-") as name:
        folder = Path(name) / "reference"
        prefix = f"monitoring/references/{reference_key(cohort)}"
        reuse_or_build(record, store, prefix, folder, lambda made: make_reference(cohort, made, record))
        return Reference.open(folder), ledger.read(folder / "ledger.parquet")
