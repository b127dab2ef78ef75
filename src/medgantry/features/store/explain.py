"""Why each subject is in a joined table, or is not."""

from collections.abc import Sequence

from medgantry.features.column import EVENT, TIME
from medgantry.features.store.joined_view import JoinedView, reason
from medgantry.features.store.point_in_time import prediction_times
from medgantry.features.table import SUBJECT, FeatureTable
from medgantry.ledger import Entry, Verdict

STEP = "join_features"
OUTCOME, FEATURES, JOINED = "has an outcome", "is known at the prediction time", "joined"
LACKS = "a view may know nothing of a subject"


def explain(outcomes: FeatureTable, views: Sequence[JoinedView]) -> list[Entry]:
    """A verdict on every subject that a table has rows of, and the verdicts that took the others before."""
    tables = [outcomes, *(view.table for view in views)]
    subjects = {subject for table in tables for subject in table.subjects}
    lost_before = [
        entry
        for table in tables
        for entry in table.entries
        if entry.item not in subjects and entry.verdict == "rejected"
    ]
    with_outcome = prediction_times(outcomes)
    entries: list[Entry] = []
    for subject in sorted(subjects):
        known = subject in with_outcome
        entries += _on_features(subject, views) if known else [_without_outcome(subject, outcomes)]
    return [*entries, *dict.fromkeys(lost_before)]


def _on_features(subject: str, views: Sequence[JoinedView]) -> list[Entry]:
    having = [view.name for view in views if subject in view.known]
    missing = [view.why_missing(subject) for view in views if subject not in view.known]
    if not having:
        remedy = "Publish features of it that were known by then, or predict from a later time."
        return [_entry(subject, "rejected", FEATURES, "; ".join(missing), remedy)]
    lacking = [_entry(subject, "ok", LACKS, why) for why in missing]
    return [_entry(subject, "ok", JOINED, ", ".join(having)), *lacking]


def _without_outcome(subject: str, outcomes: FeatureTable) -> Entry:
    here = next((row for row in outcomes.rows if row[SUBJECT] == subject), None)
    if here:
        absent = [role for role in (TIME, EVENT) if here.get(outcomes.only(role).name) is None]
        evidence = f"its outcome lacks {' and '.join(absent)}"
        return _entry(subject, "rejected", OUTCOME, evidence, "Complete its outcome and ingest it again.")
    judged = {entry.verdict for entry in outcomes.entries if entry.item == subject}
    verdict: Verdict = "rejected" if "rejected" in judged else "excluded"
    return _entry(subject, verdict, OUTCOME, f"outcomes: {reason(outcomes, subject)}")


def _entry(item: str, verdict: Verdict, rule: str, evidence: str, remedy: str = "") -> Entry:
    return Entry(item=item, step=STEP, verdict=verdict, rule=rule, evidence=evidence, remedy=remedy)
