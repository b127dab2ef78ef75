"""The report's section on target leakage."""

from collections.abc import Sequence

from medgantry.features.clinical.leakage import THRESHOLD, Suspicion
from medgantry.features.clinical.summary import Summary
from medgantry.features.column import BASELINE
from medgantry.page import table

_TOLD = (
    '<p class="note">Each feature alone, by its values and by where they are missing: the larger of Harrell\'s C and '
    f"the AUC for an observed event, in either direction. A lower limit above {THRESHOLD:g} is more than is known "
    "beforehand.</p>"
)


def leakage_section(summary: Summary, told: Sequence[Suspicion]) -> list[str]:
    """Tables of what is refused by role, and of how well each feature tells the outcome."""
    columns = [*summary.features.columns, *summary.outcomes.columns]
    by_role = {
        role: ", ".join(column.source for column in columns if column.role == role)
        for role in sorted({column.role for column in columns} - {BASELINE})
    }
    ranked = sorted(told, key=lambda item: -(item.best.low if item.best else 0))
    return [
        "<h2>Target leakage</h2>",
        "<h3>By role: no model takes these</h3>",
        table(["role", "columns"], [list(item) for item in by_role.items()]),
        "<h3>By what they tell</h3>",
        _TOLD,
        table(["feature", "by", "n", "C or AUC", "verdict"], [_line(item) for item in ranked], right=[2, 3]),
    ]


def _line(item: Suspicion) -> list[str]:
    if item.best is None:
        return [item.column.source, "", "", "", "too few subjects"]
    verdict = "tells too much" if item.flagged else ""
    return [item.column.source, item.by, str(item.best.n), str(item.best), verdict]
