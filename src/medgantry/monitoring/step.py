"""The step `report_drift`."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.cohort import Cohort
from medgantry.monitoring.drift import find_drift
from medgantry.monitoring.finding import Finding
from medgantry.monitoring.period import parse_period
from medgantry.monitoring.reference import Reference, make_reference, reference_key
from medgantry.monitoring.report import write_report
from medgantry.monitoring.request_log import read_requests
from medgantry.steps import StepRecord, reuse_or_build, run_id, step
from medgantry.storage import ObjectStore
from medgantry.tracking import TrackedRun

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
        requests = window.observations()
        finding = Finding(
            model=model_name,
            window=window,
            reference=reference,
            drift=find_drift(reference.observations, requests),
            inputs=len(requests),
            rejected=record.verdicts["rejected"],
        )
        finding.save(drift)
        write_report(report, finding)
        _track(finding, drift, report)
        record.facts = {
            **finding.metrics(),
            "drifted": [feature.name for feature in finding.drift.drifted],
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


def _track(finding: Finding, drift: Path, report: Path) -> None:
    tracked = TrackedRun(run_id())
    tracked.metrics(finding.metrics())
    moved = {f"moved {f.name}": f.effect for f in finding.drift.features if f.effect is not None}
    tracked.metrics(moved)
    tracked.artifacts_as(drift, "drift", "drift.json")
    tracked.artifacts_as(report, "drift", "drift.html")
