"""Outcomes joined with what was known of each subject when its outcome is predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.features.column import EVENT, SITE, TIME, Column
from medgantry.features.store.explain import explain
from medgantry.features.store.joined_view import JoinedView
from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable, Row

Chosen = tuple[JoinedView, Column]


@dataclass(frozen=True)
class Join:
    """The joined table, and what was left out of it."""

    table: FeatureTable
    left_out: Mapping[str, str]
    """Reason by column."""


def join(outcomes: FeatureTable, views: Sequence[JoinedView]) -> Join:
    """One row per subject whose outcome is known and of whom some view knows something.

    Raises:
        InvalidInput: If that is nobody.
    """
    kept = [column for column in outcomes.columns if column.role in (TIME, EVENT, SITE)]
    chosen, left_out = _choose(kept, views)
    rows = [
        _row(row, kept, chosen)
        for row in outcomes.rows
        if any(str(row[SUBJECT]) in view.known for view in views)
    ]
    if not rows:
        raise InvalidInput(
            f"None of the {len(outcomes.rows)} subjects with outcomes is known to {[view.name for view in views]} "
            "at its prediction time.",
            "Check that tables and outcomes name subjects alike, and that event_timestamp is the prediction time.",
        )
    table = FeatureTable(
        columns=[*(_renamed(view, column) for view, column in chosen), *kept],
        rows=rows,
        entries=explain(outcomes, views),
        provenance={
            "outcomes": {"table": outcomes.content_hash, **outcomes.provenance},
            "views": {
                view.name: {"version": view.published.version, "tables": dict(view.published.tables)}
                for view in views
            },
        },
    )
    return Join(table, left_out)


def _choose(kept: Sequence[Column], views: Sequence[JoinedView]) -> tuple[list[Chosen], dict[str, str]]:
    """What joins, and the reasons of what does not; of columns that say the site, the first is enough."""
    left_out = {f"{view.name}__{name}": reason for view in views for name, reason in view.silent.items()}
    chosen: list[Chosen] = []
    has_site = any(column.role == SITE for column in kept)
    for view in views:
        for column in view.columns:
            if column.role == SITE and has_site:
                left_out[f"{view.name}__{column.name}"] = "another column says the site"
            else:
                chosen.append((view, column))
            has_site = has_site or column.role == SITE
    return chosen, left_out


def _row(outcome: Row, kept: Sequence[Column], chosen: Sequence[Chosen]) -> dict[str, Any]:
    subject = str(outcome[SUBJECT])
    features = {f"{view.name}__{column.name}": view.value(subject, column) for view, column in chosen}
    own = {column.name: outcome.get(column.name) for column in kept}
    return {SUBJECT: subject, TIMESTAMP: outcome[TIMESTAMP], **features, **own}


def _renamed(view: JoinedView, column: Column) -> Column:
    return replace(column, name=f"{view.name}__{column.name}", modality=column.modality or view.name)
