"""The studies' results to a cohort."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from medgantry.cohort import Case, Cohort, File
from medgantry.errors import InvalidInput
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.labels import label_names
from medgantry.ingest.dicom.plan import IngestPlan
from medgantry.ledger import Entry, check_budget

Result = Mapping[str, Any]


def merge_studies(
    plan: IngestPlan,
    results: Sequence[Result],
    *,
    regions: Mapping[str, Sequence[str]],
    max_rejected: float,
    external: bool,
) -> Cohort:
    """Fold the results of all tasks into one cohort, in the order of their names.

    Args:
        plan: The plan they come from.
        results: Of every study.
        regions: Region -> labels; empty makes a region of every label.
        max_rejected: Allowed share of rejected items among those that were not left out by the rule.
        external: Whether the cohort shares no patient with any training data.

    Raises:
        TooManyRejected: If more were rejected.
        InvalidInput: If no case is left, or a study's result is missing.
    """
    planned = sum(len(part) for part in plan.parts)
    if len(results) != planned:
        raise InvalidInput(
            f"The plan has {planned} studies, {len(results)} results came.", "Run the tasks again."
        )
    entries = [Entry(**entry) for entry in plan.entries]
    entries += [Entry(**entry) for result in results for entry in result["entries"]]
    entries.sort(key=lambda entry: (entry.item, entry.rule))
    judged = [entry for entry in entries if entry.verdict != "excluded"]
    check_budget(judged, total=len(judged), max_rejected=max_rejected)
    cases = sorted(
        (Case(**case) for result in results for case in result["cases"]), key=lambda case: case.case_id
    )
    if not cases:
        raise InvalidInput(
            f"No series became a case: {len(judged)} were rejected, {len(entries) - len(judged)} left out by `select`.",
            "Read the ledger's rules, and widen `select` or mend the source.",
        )
    files = [File(**file) for result in results for file in result["files"]]
    label_map, named = _labels(plan, results)
    return Cohort(
        cases=cases,
        files=sorted(files, key=lambda file: (file.case_id, file.role, file.channel)),
        entries=entries,
        channels=sorted({file.channel for file in files if file.role == "image"}),
        label_map=label_map,
        regions=regions or named,
        provenance={"config": dict(plan.config), "deidentification": _deidentification(plan, results)},
        external=external,
    )


def _deidentification(plan: IngestPlan, results: Sequence[Result]) -> dict[str, Any]:
    """What was done to identities; no object left the step with a finding of the verifier."""
    profile = DicomConfig.of(plan.config).profile
    if profile is None:
        return {}
    actions: Counter[str] = Counter()
    for result in results:
        actions.update(result["actions"])
    return {
        "standard": "DICOM PS3.15 Annex E",
        "method_codes": [code for code, _ in profile.method_codes(profile.options)],
        "actions": dict(sorted(actions.items())),
        "findings": 0,
    }


def _labels(plan: IngestPlan, results: Sequence[Result]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Label map of all codes that occur, overlaps included, and a region of each label with its overlaps."""
    labels = DicomConfig.of(plan.config).codes
    if not labels:
        return {}, {}
    found = {code for result in results for facts in result["series"] for code in facts.get("codes", [])}
    codes = sorted({*labels.values(), *found})
    names = {label_names(code, list(labels)): code for code in codes}
    regions = {label: [name for name, code in names.items() if code & labels[label]] for label in labels}
    return {"background": 0, **names}, regions
