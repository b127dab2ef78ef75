"""The page on a join: how many subjects came through, with which modalities, and what was left out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from medgantry.features.store.explain import JOINED, STEP
from medgantry.features.store.join import Join
from medgantry.features.store.joined_view import JoinedView
from medgantry.features.store.point_in_time import prediction_times
from medgantry.features.table import FeatureTable
from medgantry.page import page, table

_LISTED = 200


def write_report(path: Path, outcomes: FeatureTable, views: Sequence[JoinedView], joined: Join) -> None:
    """Write the page."""
    compared = sum(len(view.times) * len(view.table.columns) for view in views)
    lead = (
        f'<p class="note">{len(joined.table.rows)} subjects, {len(joined.table.columns)} columns. Feast joined the last '
        f"row of each view that is not after the subject's prediction time; all {compared} values were compared with "
        "the published rows and agree.</p>"
    )
    parts = [
        lead,
        "<h2>Subjects</h2>",
        table(["", "subjects"], attrition(outcomes, views, joined), right=[1]),
        "<h2>Modalities of the joined subjects</h2>",
        table(["known at the prediction time", "subjects"], combinations(views, joined), right=[1]),
        "<h2>Views</h2>",
        table(
            ["view", "version", "subjects published", "columns joined", "left out"],
            _views(views),
            right=[2, 3, 4],
        ),
        "<h2>Columns left out</h2>",
        _table_or_none(["column", "reason"], [list(item) for item in joined.left_out.items()]),
        "<h2>Subjects lost, or lacking a modality</h2>",
        _explained(joined),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page("Joined features", parts))


def attrition(outcomes: FeatureTable, views: Sequence[JoinedView], joined: Join) -> list[list[str]]:
    """Subjects that are left after each condition."""
    met = {subject for of in (outcomes, *(view.table for view in views)) for subject in of.subjects}
    all_of_them = [
        subject for subject in joined.table.subjects if all(subject in view.known for view in views)
    ]
    return [
        ["in the outcomes or any view", str(len(met))],
        ["with time and event", str(len(prediction_times(outcomes)))],
        ["known to a view at the prediction time", str(len(joined.table.rows))],
        ["known to all views at the prediction time", str(len(all_of_them))],
    ]


def combinations(views: Sequence[JoinedView], joined: Join) -> list[list[str]]:
    """Joined subjects per combination of views, the most frequent first."""
    found = Counter(
        ", ".join(view.name for view in views if subject in view.known) for subject in joined.table.subjects
    )
    return [[names, str(count)] for names, count in found.most_common()]


def _views(views: Sequence[JoinedView]) -> list[list[str]]:
    return [
        [
            view.name,
            view.published.version[:12],
            str(len(view.table.subjects)),
            str(len(view.columns)),
            str(len(view.silent)),
        ]
        for view in views
    ]


def _explained(joined: Join) -> str:
    entries = [entry for entry in joined.table.entries if (entry.step, entry.rule) != (STEP, JOINED)]
    rows = [[entry.item, entry.verdict, entry.rule, entry.evidence] for entry in entries[:_LISTED]]
    more = len(entries) - _LISTED
    note = f'<p class="note">{more} more are in the table\'s ledger.</p>' if more > 0 else ""
    return _table_or_none(["subject", "verdict", "rule", "evidence"], rows) + note


def _table_or_none(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table(head, rows) if rows else "<p>None.</p>"
