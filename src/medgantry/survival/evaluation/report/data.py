"""Subjects: who was lost on the way, how long they were followed, and what is known of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from medgantry import ledger
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.report.digits import ABSENT, number, share
from medgantry.features.column import EVENT, TIME, Column
from medgantry.features.table import SUBJECT, FeatureTable
from medgantry.page import table
from medgantry.survival.model import SurvivalModel

_MOST = 200
_VERDICTS = ("ok", "repaired", "excluded", "rejected")


def data_sections(evaluation: Evaluation, features: FeatureTable, model: SurvivalModel) -> list[str]:
    """Attrition, then origin and censoring, then modalities."""
    entries = model.entries
    lost = [
        [entry.item, entry.step, f"{entry.rule}: {entry.evidence}", entry.remedy]
        for entry in entries
        if entry.verdict in ("rejected", "excluded")
    ]
    more = f"<p>and {len(lost) - _MOST} more, in the ledger.</p>" if len(lost) > _MOST else ""
    return [
        "<h2>Data</h2>",
        "<h3>Attrition</h3>",
        _attrition(entries),
        "<h3>Lost</h3>" if lost else "",
        table(["item", "step", "why", "remedy"], lost[:_MOST]) if lost else "",
        more,
        "<h3>Origin, events and follow-up</h3>",
        _outcomes(evaluation, features, model),
        "<h3>Modalities</h3>",
        _modalities(evaluation, features),
    ]


def events_per_feature(evaluation: Evaluation, features: FeatureTable) -> float:
    """Events for each feature that was offered."""
    return float(evaluation.metrics["outcomes"]["events"] / max(1, len(features.features())))


def _attrition(entries: Sequence[ledger.Entry]) -> str:
    rows = []
    for step in dict.fromkeys(entry.step for entry in entries):
        counts = ledger.counts(entry for entry in entries if entry.step == step)
        rows.append([step, *(str(counts.get(verdict, 0)) for verdict in _VERDICTS)])
    return table(["step", *_VERDICTS], rows, right=range(1, len(_VERDICTS) + 1))


def _outcomes(evaluation: Evaluation, features: FeatureTable, model: SurvivalModel) -> str:
    found = evaluation.metrics["outcomes"]
    subjects, events = found["subjects"], found["events"]
    rows = [
        ["Origin", str(model.provenance.get("origin", "not stated"))],
        ["Time", _meaning(features.only(TIME))],
        ["Event", _meaning(features.only(EVENT))],
        ["Subjects", str(subjects)],
        ["Events", f"{events} ({share(events / subjects)}); {subjects - events} censored"],
        ["Median time to the event", _days(found["median_survival"])],
        ["Median follow-up (reverse Kaplan-Meier)", _days(found["median_follow_up"])],
        ["Longest time", f"{found['longest']:.0f} days"],
        [
            "Events per feature offered",
            f"{number(events_per_feature(evaluation, features), 2)} ({len(features.features())} features)",
        ],
    ]
    return table([], rows) + (
        "<p class=note>Days count from the origin, the time of each subject's row: nothing known later is a feature. Who "
        "is censored is taken to have had the same prospects as those still followed; nothing in the data can show "
        "that.</p>"
    )


def _meaning(column: Column) -> str:
    said = column.description or column.source
    return f"{column.name}{f': {said}' if said and said != column.name else ''}"


def _days(found: Mapping[str, Any]) -> str:
    """A median with its limits."""
    shown = [ABSENT if found[name] is None else f"{found[name]:.0f}" for name in ("days", "low", "high")]
    return f"{shown[0]} days ({shown[1]} to {shown[2]}); {ABSENT}: not reached"


def _modalities(evaluation: Evaluation, features: FeatureTable) -> str:
    """Of each modality: features, and for how many subjects nothing of it is known."""
    judged = set(evaluation.case_ids)
    rows = [row for row in features.rows if str(row[SUBJECT]) in judged]
    lines = []
    for modality in dict.fromkeys(column.modality for column in features.features()):
        names = [column.name for column in features.features() if column.modality == modality]
        missing = sum(all(row.get(name) is None for name in names) for row in rows)
        absent = sum(row.get(name) is None for row in rows for name in names)
        lines.append(
            [
                modality or ABSENT,
                str(len(names)),
                f"{missing} of {len(rows)}",
                share(absent / max(1, len(rows) * len(names))),
            ]
        )
    return table(["modality", "features", "subjects without it", "values missing"], lines, right=(1, 2, 3))
