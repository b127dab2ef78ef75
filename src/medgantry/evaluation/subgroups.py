"""Subgroups: what the cohort knows about its cases besides what was to be predicted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from medgantry.cohort import Case
from medgantry.cohort.targets import STUDY_DATE
from medgantry.evaluation.measures import Rows
from medgantry.statistics.interval import Interval

LEAST_GROUPS = 10
"""A subgroup with fewer independent groups is listed without a number: its interval would say nothing."""
MOST_VALUES = 20
"""A target with more values than this is a measurement or a name, not a subgroup."""
_AGE_BANDS = (30, 45, 60, 75)
"""Lower ends, in years, as dermatology and oncology registries cut them."""
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
"""Units of DICOM's age strings (PS3.5, section 6.2)."""
NO_SUBGROUP = {"labels", STUDY_DATE}
"""Targets that are no trait of a subject: one is made of the label map, one is a time."""


def subgroups(cases: Iterable[Case], *, target: str) -> dict[tuple[str, str], set[str]]:
    """(what, value) -> case ids, for every target but the one that is predicted; unknown values are a subgroup too."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    everyone = list(cases)
    names = {name for case in everyone for name in case.targets} - {target} - NO_SUBGROUP
    for case in everyone:
        for name in names:
            value = case.targets.get(name, "").strip()
            shown = age_band(value) if name.lower() == "age" else value
            found[name][shown or "unknown"].add(case.case_id)
    return {
        (name, value): members
        for name, values in sorted(found.items())
        if 1 < len(values) <= MOST_VALUES
        for value, members in sorted(values.items(), key=lambda item: _place(item[0]))
    }


def _place(value: str) -> tuple[bool, bool, str]:
    """Youngest first, unknown last."""
    return value == "unknown", not value.startswith("under "), value


def age_band(value: str) -> str:
    """The band an age lies in: a number of years, or DICOM's age string such as 018M.

    What is neither, or 0 as HAM10000 writes missing ages, is unknown.
    """
    unit = _YEARS.get(value[-1:])
    try:
        years = float(value) if unit is None else float(value[:-1]) * unit
    except ValueError:
        return ""
    if not 0 < years < 130:
        return ""
    below = [edge for edge in _AGE_BANDS if edge <= years]
    above = [edge for edge in _AGE_BANDS if edge > years]
    if not below:
        return f"under {above[0]}"
    return f"{below[-1]} to {above[0] - 1}" if above else f"{below[-1]} and over"


def subgroup_table(
    groups: Mapping[tuple[str, str], set[str]],
    rows: Rows,
    measure: Callable[[Rows], Interval | None],
) -> list[dict[str, Any]]:
    """A measure in each subgroup.

    Args:
        groups: As `subgroups` gives them.
        rows: Per case.
        measure: Of the rows of a subgroup.

    Returns:
        `by`, `value`, `n` (cases), `groups`; with enough groups, and where the subgroup defines the measure,
        `estimate`, `low` and `high`, which are else None.
    """
    return [_line(by, value, members, rows, measure) for (by, value), members in groups.items()]


def of_cases(rows: Rows, members: set[str]) -> list[Mapping[str, Any]]:
    """The rows about these cases."""
    return [row for row in rows if row["case_id"] in members]


def _line(
    by: str, value: str, members: set[str], rows: Rows, measure: Callable[[Rows], Interval | None]
) -> dict[str, Any]:
    inside: Sequence[Mapping[str, Any]] = of_cases(rows, members)
    independent = len({row["group_id"] for row in inside})
    interval = measure(inside) if independent >= LEAST_GROUPS else None
    line: dict[str, Any] = {
        "by": by,
        "value": value,
        "n": len({row["case_id"] for row in inside}),
        "groups": independent,
    }
    found = interval.document() if interval else {}
    return line | {key: found.get(key) for key in ("estimate", "low", "high")}
