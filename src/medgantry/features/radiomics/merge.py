"""The results of all cases to a table: a row for each subject and date, a verdict on each case and region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from medgantry import ledger
from medgantry.cohort import Case, Cohort
from medgantry.cohort.targets import STUDY_DATE
from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.radiomics.case import Result, refused
from medgantry.features.radiomics.columns import FeatureColumn, feature_columns
from medgantry.features.radiomics.config import RadiomicsConfig
from medgantry.features.radiomics.plan import RadiomicsPlan
from medgantry.features.table import ALWAYS, SUBJECT, TIMESTAMP, FeatureTable, Row
from medgantry.ingest.dicom.names import patient_of
from medgantry.ledger import Entry, Unusable

STEP = "extract_radiomics"
MEASURED = "the region was measured"
ONE_OF_A_DATE = "of a subject's cases of one date, the one with the largest regions counts"
PARAMETER_FILE = "radiomics.yaml"
"""Key of the provenance with pyradiomics' parameter file as text."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A case with what was measured, and from when on it is known."""

    case: Case
    time: datetime
    regions: Mapping[str, Mapping[str, Any]]

    @property
    def volume_mm3(self) -> float:
        """Of all regions with features."""
        return sum(float(region.get("volume_mm3", 0)) for region in self.regions.values())


def merge_results(
    cohort: Cohort, plan: RadiomicsPlan, results: Mapping[str, Result], *, max_rejected: float
) -> FeatureTable:
    """Make the table of what the tasks measured.

    Args:
        cohort: The cohort.
        plan: Of this cohort.
        results: Case id -> result.
        max_rejected: Allowed share of cases without features of a region, ingest's rejected included.

    Raises:
        Mismatch: If the plan is of another cohort, or a case has no result.
        TooManyRejected: If more cases lack a region.
        InvalidInput: If nothing was measured.
    """
    plan.check_fits(cohort)
    missing = sorted(case.case_id for case in cohort.cases if case.case_id not in results)
    if missing:
        raise Mismatch(
            f"{len(missing)} of {len(cohort.cases)} cases have no result, such as {missing[0]}.",
            "Run the extraction again: what was measured is kept.",
        )
    config = RadiomicsConfig.of(plan.config)
    judged = [
        _judge(case, results[case.case_id], config)
        for case in sorted(cohort.cases, key=lambda case: case.case_id)
    ]
    chosen = _one_of_a_date(judged)
    before = [entry for entry in cohort.entries if entry.verdict == "rejected"]
    entries: list[Entry] = []
    for region in config.regions:
        of_region = [_entry(found, region, config, chosen) for found in judged]
        total = len(judged) + len(before)
        ledger.check_budget([*before, *of_region], total=total, max_rejected=max_rejected)
        entries += of_region
    if not chosen:
        raise InvalidInput(
            "No region of any case could be measured.", "The ledger of each case is in the receipts."
        )
    columns = feature_columns(config)
    return FeatureTable(
        columns=[found.column for found in columns],
        rows=[_row(found, columns) for found in chosen.values()],
        entries=_about_subjects([*cohort.entries, *entries], cohort),
        provenance={
            "cohort_hash": cohort.cohort_hash,
            "spec": plan.spec,
            "config": dict(plan.config),
            "libraries": dict(plan.libraries),
            PARAMETER_FILE: config.settings.yaml,
            "cases": {found.case.case_id: _facts(found, results[found.case.case_id]) for found in judged},
        },
    )


def _about_subjects(entries: Sequence[Entry], cohort: Cohort) -> list[Entry]:
    """The ledger of a table is about subjects; which case a verdict was about becomes part of the evidence."""
    subjects = {case.case_id: case.group_id for case in cohort.cases}
    about = []
    for entry in entries:
        case_id = entry.item.partition("/")[0]
        subject = subjects.get(case_id) or patient_of(case_id) or entry.item
        evidence = entry.evidence if subject == entry.item else f"{entry.item}: {entry.evidence}"
        about.append(replace(entry, item=subject, evidence=evidence.removesuffix(": ")))
    return about


def _judge(case: Case, result: Result, config: RadiomicsConfig) -> _Judged:
    try:
        return _Judged(case=case, time=_time(case), regions=result["regions"])
    except Unusable as broken:
        return _Judged(case=case, time=ALWAYS, regions=refused(config, broken))


def _time(case: Case) -> datetime:
    """From when on a case's features are known; without a date, always.

    Raises:
        Unusable: If the date is none: taken for always, it would be known before it was.
    """
    date = case.targets.get(STUDY_DATE, "")
    if not date:
        return ALWAYS
    try:
        time = datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        time = ALWAYS
    if time == ALWAYS or len(date) != 8:
        raise Unusable(
            f"{STUDY_DATE} is a date as DICOM writes it",
            repr(date),
            "Correct it in the source, or remove it.",
        )
    return time


Chosen = Mapping[tuple[str, datetime], _Judged]
"""Subject and date -> the case that counts."""


def _one_of_a_date(judged: Sequence[_Judged]) -> Chosen:
    """Of each subject and date the case with the largest regions; ties go by case id."""
    chosen: dict[tuple[str, datetime], _Judged] = {}
    for found in sorted(judged, key=lambda found: (-found.volume_mm3, found.case.case_id)):
        if found.volume_mm3:
            chosen.setdefault((found.case.group_id, found.time), found)
    return chosen


def _entry(found: _Judged, region: str, config: RadiomicsConfig, chosen: Chosen) -> Entry:
    case_id, measured = found.case.case_id, found.regions[region]
    item = f"{case_id}/{region}" if len(config.regions) > 1 else case_id
    if "features" not in measured:
        return Entry(item=item, step=STEP, verdict="rejected", **measured)
    kept = chosen[found.case.group_id, found.time].case.case_id
    if kept != case_id:
        return Entry(item=item, step=STEP, verdict="excluded", rule=ONE_OF_A_DATE, evidence=f"{kept} counts")
    evidence = f"{measured['voxels']} voxels, {measured['volume_mm3']:.6g} mm3"
    return Entry(item=item, step=STEP, verdict="ok", rule=MEASURED, evidence=evidence)


def _row(found: _Judged, columns: Sequence[FeatureColumn]) -> Row:
    """None where a region has no features."""
    features = {name: region.get("features", {}) for name, region in found.regions.items()}
    values = {one.column.name: features[one.region].get(one.feature) for one in columns}
    return {SUBJECT: found.case.group_id, TIMESTAMP: found.time, **values}


def _facts(found: _Judged, result: Result) -> dict[str, Any]:
    """What a case's features were computed of; the features themselves are in the table."""
    regions = {
        name: {key: region[key] for key in ("voxels", "volume_mm3")}
        for name, region in found.regions.items()
        if "features" in region
    }
    return {"subject": found.case.group_id, **result, "regions": regions}
