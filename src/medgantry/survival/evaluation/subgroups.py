"""Subgroups of the subjects of a feature table: by category, by site, by age."""

from collections import defaultdict
from typing import Any

from medgantry.evaluation.subgroups import MOST_VALUES, age_band
from medgantry.features.column import BASELINE, CATEGORY, SITE, Column
from medgantry.features.table import SUBJECT, FeatureTable

_AGE = "age"


def table_groups(table: FeatureTable) -> dict[tuple[str, str], set[str]]:
    """(what, value) -> subjects, for every category a model may see, sites and age; unknown is a subgroup too."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for column in table.columns:
        if column.role in (BASELINE, SITE) and (column.kind == CATEGORY or _is_age(column)):
            for row in table.rows:
                value = _shown(column, row.get(column.name))
                found[column.name][value].add(str(row[SUBJECT]))
    return {
        (name, value): members
        for name, values in sorted(found.items())
        if 1 < len(values) <= MOST_VALUES
        for value, members in sorted(values.items(), key=lambda item: (item[0] == "unknown", item[0]))
    }


def _is_age(column: Column) -> bool:
    """By the last word of its name: `age`, or `clinical__age_at_diagnosis`."""
    words = column.name.lower().split("__")[-1].split("_")
    return words[0] == _AGE and column.unit in ("", "a")


def _shown(column: Column, value: Any) -> str:
    if value is None:
        return "unknown"
    return str(value) if column.kind == CATEGORY else age_band(str(value)) or "unknown"
