"""The results of all cases to a cohort with predictions, and a table of what was measured in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from medgantry import ledger
from medgantry.cohort import Case, Cohort, File
from medgantry.errors import InvalidInput, Mismatch
from medgantry.ledger import Entry
from medgantry.predictions.measurements import Measurements, Source
from medgantry.predictions.plan import STEP, PredictionPlan

_ANSWERS = ("prediction", "uncertainty", "displacement", "warped")
"""Roles that an earlier prediction may have left in the cohort."""

Result = Mapping[str, Any]


def merge_results(
    cohort: Cohort,
    plan: PredictionPlan,
    results: Mapping[str, Result],
    rejected: Sequence[Entry],
    *,
    max_rejected: float,
) -> tuple[Cohort, Measurements]:
    """Fold what the tasks committed into one cohort and one table; every planned case must have a verdict.

    Args:
        cohort: The cohort.
        plan: Of its cases.
        results: Case id -> result.
        rejected: Verdicts on the cases that have none.
        max_rejected: Allowed share of rejected cases, those of the cohort's ledger included.

    Returns:
        The cohort of the predicted cases with the files that the network gave, and the measurements.

    Raises:
        Mismatch: If the plan is of another cohort, or a planned case has no verdict.
        TooManyRejected: If too many cases could not be predicted.
        InvalidInput: If none could.
    """
    plan.check_fits(cohort)
    missing = sorted(set(plan.cases) - set(results) - {entry.item for entry in rejected})
    if missing:
        raise Mismatch(
            f"{len(missing)} of {len(plan.cases)} cases have no verdict, such as {missing[0]}.",
            "Run the prediction again: what was predicted is kept.",
        )
    before = [entry for entry in cohort.entries if entry.verdict == "rejected"]
    total = len(plan.cases) + len(before)
    ledger.check_budget([*before, *rejected], total=total, max_rejected=max_rejected)
    if not results:
        raise InvalidInput(f"None of {len(plan.cases)} cases could be predicted: {rejected[-1].evidence}")
    cases = [case for case in cohort.cases if case.case_id in results]
    told = [_told(case, results[case.case_id], plan) for case in cases]
    entries = [*cohort.entries, *sorted([*told, *rejected], key=lambda entry: entry.item)]
    measurements = Measurements(
        task=plan.task,
        cohort_hash=cohort.cohort_hash,
        rows=[row for case in cases for row in _rows(case, results[case.case_id])],
        sources=[_source(case, results[case.case_id], plan) for case in cases],
        entries=entries,
    )
    predicted = replace(
        cohort,
        cases=cases,
        files=[file for case in cases for file in _files(case, cohort, results[case.case_id])],
        entries=entries,
        provenance={
            **cohort.provenance,
            "predicted_with": {"bundle_hash": plan.bundle_hash, "weights_hash": plan.weights_hash},
        },
    )
    return predicted, measurements


def _told(case: Case, result: Result, plan: PredictionPlan) -> Entry:
    """The verdict on a case that was predicted: by what, of what."""
    evidence = f"weights {plan.weights_hash[:16]}; {len(result['sop_instance_uids'])} DICOM instances"
    return Entry(
        item=case.case_id, step=STEP, verdict="ok", rule="the case can be predicted", evidence=evidence
    )


def _rows(case: Case, result: Result) -> list[dict[str, Any]]:
    return [{"case_id": case.case_id, "group_id": case.group_id, **row} for row in result["rows"]]


def _files(case: Case, cohort: Cohort, result: Result) -> list[File]:
    """The case's own files, and the answers."""
    own = [file for file in cohort.files_of.get(case.case_id, ()) if file.role not in _ANSWERS]
    return [*own, *(File(**{**row, "case_id": case.case_id}) for row in result["files"])]


def _source(case: Case, result: Result, plan: PredictionPlan) -> Source:
    return Source(
        case_id=case.case_id,
        inputs=result["inputs"],
        sop_instance_uids=result["sop_instance_uids"],
        predictions={row["role"]: row["sha256"] for row in result["files"]},
        bundle_hash=plan.bundle_hash,
        weights_hash=plan.weights_hash,
    )
