"""What the steps that report drift share, whatever the reference is made of."""

from pathlib import Path

from medgantry.monitoring.drift import find_drift
from medgantry.monitoring.finding import Finding
from medgantry.monitoring.reference import Reference
from medgantry.monitoring.report import write_report
from medgantry.monitoring.request_log import RequestWindow
from medgantry.steps import StepRecord, run_id
from medgantry.tracking import TrackedRun


def compare(model_name: str, window: RequestWindow, reference: Reference, *, rejected: int) -> Finding:
    """Hold a window's inputs, each once, beside the reference; `rejected` training cases could not be read."""
    requests = window.observations()
    return Finding(
        model=model_name,
        window=window,
        reference=reference,
        drift=find_drift(reference.observations, requests),
        inputs=len(requests),
        rejected=rejected,
    )


def tell(finding: Finding, record: StepRecord, drift: Path, report: Path) -> None:
    """Write the JSON file and the page, and tell MLflow and the step's record."""
    finding.save(drift)
    write_report(report, finding)
    tracked = TrackedRun(run_id())
    tracked.metrics(finding.metrics())
    moved = {f"moved {f.name}": f.effect for f in finding.drift.features if f.effect is not None}
    tracked.metrics(moved)
    tracked.artifacts_as(drift, "drift", "drift.json")
    tracked.artifacts_as(report, "drift", "drift.html")
    record.facts = {**finding.metrics(), "drifted": [feature.name for feature in finding.drift.drifted]}
