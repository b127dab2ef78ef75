"""The report on a clinical table: what became of its rows, what its columns hold, what may mislead a model."""

from collections import Counter
from collections.abc import Sequence

from medgantry.features.clinical.bias_section import bias_section
from medgantry.features.clinical.leakage import Suspicion
from medgantry.features.clinical.leakage_section import leakage_section
from medgantry.features.clinical.roles import ID, ColumnRole
from medgantry.features.clinical.summary import Summary
from medgantry.features.column import BASELINE, SITE
from medgantry.page import items, page, table

EVENTS_WANTED = 10
"""For a degree of freedom of a regression without penalty (Peduzzi et al., J. Clin. Epidemiol. 48, 1995)."""
_MOST_LINES = 200
"""Verdicts that are shown."""


def clinical_page(summary: Summary, told: Sequence[Suspicion]) -> str:
    """The report as one HTML page.

    Args:
        summary: The tables.
        told: How well each feature tells the outcome.
    """
    body = [
        _lead(summary, told),
        '<p class="note">Research use. Not a medical device. Intervals are at 95 %.</p>',
        *_verdicts(summary),
        *_columns(summary),
        *leakage_section(summary, told),
        *bias_section(summary),
    ]
    return page(f"Clinical table {summary.reading.roles.title}".strip(), body)


def _lead(summary: Summary, told: Sequence[Suspicion]) -> str:
    subjects, events, freedom = len(summary.rows), summary.events, summary.freedom
    median = "not reached" if summary.follow_up is None else f"{summary.follow_up:g} days"
    flagged = [item.column.source for item in told if item.flagged]
    count = len(summary.features.features())
    each = f"{events / max(1, freedom):.2g} events for each"
    lines = [
        f"{subjects} subjects with time and event: {events} events, {subjects - events} followed up without.",
        f"Median follow-up from {summary.reading.roles.origin}: {median} (reverse Kaplan-Meier).",
        f"{count} features with {freedom} degrees of freedom: {each}. A regression without penalty wants about "
        + f"{EVENTS_WANTED}, so {events // EVENTS_WANTED} degrees of freedom.",
        f"Features that tell too much: {', '.join(flagged) or 'none'}.",
    ]
    return f'<div class="lead">{items(lines)}</div>'


def _verdicts(summary: Summary) -> list[str]:
    both = [("what was known", entry) for entry in summary.features.entries]
    both += [("outcome", entry) for entry in summary.outcomes.entries]
    counted = Counter((of, entry.verdict, entry.rule) for of, entry in both)
    odd = list(dict.fromkeys(entry for _, entry in both if entry.verdict != "ok"))
    lines = [[entry.item, entry.verdict, entry.rule, entry.evidence] for entry in odd[:_MOST_LINES]]
    more = len(odd) - _MOST_LINES
    return [
        "<h2>What became of every row</h2>",
        table(
            ["of", "verdict", "rule", "items"],
            [[*key, str(n)] for key, n in sorted(counted.items())],
            right=[3],
        ),
        "<h2>Repaired and rejected</h2>",
        table(["item", "verdict", "rule", "found"], lines) if lines else "<p>Nothing.</p>",
        f"<p>{more} more are in the ledger.</p>" if more > 0 else "",
    ]


def _columns(summary: Summary) -> list[str]:
    head = ["column", "role", "kind", "unit", "known from", "n", "missing, as spelled", "given by"]
    lines = [_column(column, summary) for column in summary.reading.roles.columns]
    return [
        "<h2>Columns</h2>",
        '<p class="note">n: cells with a value. Given: another column says the value, or that there is none.</p>',
        table(head, lines, right=[5], kind="tight"),
    ]


def _column(column: ColumnRole, summary: Summary) -> list[str]:
    roles, records = summary.reading.roles, summary.reading.records
    cells = [record.cells[column.column] for record in records if column.column in record.cells]
    missing = Counter(cell.text or "empty" for cell in cells if cell.state == "missing")
    missing += Counter("not readable" for cell in cells if cell.state == "odd")
    given = Counter(cell.note for cell in cells if cell.state == "given")
    known = sum(cell.state in ("value", "repaired") for cell in cells)
    since = roles.milestone_of(column) if column.role in (BASELINE, SITE) else ""
    facts = ["", "", ""] if column.role == ID else [column.kind, column.unit, since]
    return [column.column, column.role, *facts, str(known), _counted(missing), _counted(given)]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.most_common())
