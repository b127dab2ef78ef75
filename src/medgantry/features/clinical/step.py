"""The step `ingest_clinical`."""

from dataclasses import asdict
from pathlib import Path

from medgantry import ledger
from medgantry.features.clinical.leakage import suspicions
from medgantry.features.clinical.reading import read_records
from medgantry.features.clinical.report import clinical_page
from medgantry.features.clinical.role_file import open_roles
from medgantry.features.clinical.summary import Summary
from medgantry.features.clinical.table_file import read_table
from medgantry.features.clinical.tables import feature_table, outcome_table
from medgantry.features.clinical.verdicts import STEP
from medgantry.features.subjects import subjects_for
from medgantry.steps import run_id, step
from medgantry.storage.files import read_bytes
from medgantry.tracking import TrackedRun


def ingest_clinical(
    features: Path,
    outcomes: Path,
    report: Path,
    *,
    source: str,
    roles: str,
    deidentify: str,
    max_rejected: float,
) -> dict[str, float]:
    """Read a clinical table into two feature tables and a report; returns metrics.

    Raises:
        TooManyRejected: If more than `max_rejected` of its subjects have no usable row or outcome.
    """
    with step(STEP) as record:
        summary = summarise(source, roles, deidentify)
        entries = [*summary.features.entries, *summary.outcomes.entries]
        rejected = {entry.item: entry for entry in entries if entry.verdict == "rejected"}
        record.verdicts = ledger.counts(entries)
        told = suspicions(summary.features.features(), summary.rows)
        flagged = [item.column.source for item in told if item.flagged]
        record.facts = {
            "subjects": len(summary.rows),
            "events": summary.events,
            "too_telling": flagged,
            "rejected": [asdict(entry) for entry in rejected.values()][:100],
        }
        total = len(summary.reading.records) + len(summary.reading.refused)
        ledger.check_budget([*rejected.values()], total=total, max_rejected=max_rejected)
        summary.features.save(features)
        summary.outcomes.save(outcomes)
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(clinical_page(summary, told))
        TrackedRun(run_id()).artifacts_as(report, "clinical", "clinical.html")
        return {
            "subjects": len(summary.rows),
            "events": summary.events,
            "events_per_degree_of_freedom": summary.events / max(1, summary.freedom),
            **({} if summary.follow_up is None else {"median_follow_up_days": summary.follow_up}),
            "rejected": len(rejected),
            "columns_that_tell_too_much": len(flagged),
        }


def summarise(source: str, roles: str, deidentify: str) -> Summary:
    """Read a table; the arguments are the component's.

    Raises:
        InvalidInput: If the table or the role file cannot be read, or they do not fit.
    """
    meaning, subjects = open_roles(roles), subjects_for(deidentify)
    table = read_table(read_bytes(source), [column.column for column in meaning.columns])
    reading = read_records(table, meaning, subjects)
    provenance = {
        "source": source,
        "source_sha256": table.sha256,
        "roles": roles,
        "roles_sha256": meaning.sha256,
        "subjects": subjects.fingerprint,
        "origin": meaning.origin,
    }
    return Summary(
        reading=reading,
        features=feature_table(reading, subjects, provenance),
        outcomes=outcome_table(reading, subjects, provenance),
    )
