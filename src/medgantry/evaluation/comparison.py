"""The candidate beside the champion, on the same cases."""

from collections.abc import Mapping
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Case, Cohort
from medgantry.errors import Mismatch
from medgantry.evaluation.champion import Champion
from medgantry.evaluation.independence import unseen
from medgantry.evaluation.measures import Measures, Rows
from medgantry.evaluation.subgroups import LEAST_GROUPS, of_cases, subgroup_table


def is_same(bundle: Bundle, champion: Champion) -> bool:
    """Whether the champion is this very model: equal weights and settings."""
    return bundle.model_hash == champion.bundle.model_hash


def why_incomparable(cohort: Cohort, cases: list[Case], bundle: Bundle, champion: Champion) -> str:
    """Why the champion can't be judged on these cases; empty when it can."""
    theirs = champion.bundle
    if (bundle.task, sorted(bundle.outputs)) != (theirs.task, sorted(theirs.outputs)):
        return f"version {champion.version} gives {theirs.outputs}, the candidate {bundle.outputs}"
    if not theirs.provenance:
        return f"version {champion.version} does not say what it was trained on"
    try:
        theirs.check_cohort(cohort)
    except Mismatch as error:
        return f"version {champion.version} does not take these cases: {error.message}"
    if not unseen(cases, theirs):
        return f"version {champion.version} was trained on all of these cases"
    return ""


def compare(
    measures: Measures,
    candidate: Rows,
    champion_rows: Rows,
    champion: Champion,
    groups: Mapping[tuple[str, str], set[str]],
) -> dict[str, Any]:
    """The paired difference in the primary metric, overall and in each subgroup.

    Returns:
        `version`, `model_hash` (of the champion), `cases` (new to both), `left_out` (the champion was trained on them,
        or could not answer), `difference` (interval or None), `champion` (its own interval on these cases),
        `subgroups` (differences).
    """
    shared = {str(row["case_id"]) for row in champion_rows}
    ours = of_cases(candidate, shared)
    overall, difference = measures.overall(champion_rows), measures.difference(ours, champion_rows)
    independent = len({str(row["group_id"]) for row in ours})
    reason = "" if difference else "the cases that are new to both do not define the difference"
    if independent < LEAST_GROUPS:
        reason = f"{independent} groups are new to both, at least {LEAST_GROUPS} are needed"
    return {
        "version": champion.version,
        "model_hash": champion.bundle.model_hash,
        "incomparable": reason,
        "cases": len(shared),
        "left_out": len({str(row["case_id"]) for row in candidate} - shared),
        "champion": overall.document() if overall else None,
        "difference": difference.document() if difference else None,
        "subgroups": subgroup_table(groups, ours, lambda inside: measures.difference(inside, champion_rows)),
    }
