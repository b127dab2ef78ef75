"""Who came out of a clinical table: one row per subject with all that is known, and what that is enough for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from medgantry.features.clinical.reading import Reading
from medgantry.features.column import BASELINE, NUMBER, Column
from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable
from medgantry.statistics.survival.kaplan_meier import follow_up


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Two tables of the same subjects, seen together."""

    reading: Reading
    features: FeatureTable
    outcomes: FeatureTable

    @cached_property
    def rows(self) -> Sequence[dict[str, Any]]:
        """Of subjects with an outcome: `subject_id`, the last that was known, `time` and `event`."""
        last = {row[SUBJECT]: row for row in sorted(self.features.rows, key=lambda row: row[TIMESTAMP])}
        names = list(self.features.by_name)
        return [
            {
                SUBJECT: row[SUBJECT],
                **{name: last.get(row[SUBJECT], {}).get(name) for name in names},
                "time": row["time"],
                "event": row["event"],
            }
            for row in self.outcomes.rows
        ]

    @cached_property
    def blanks(self) -> Mapping[str, set[str]]:
        """Subject -> baseline columns that are missing; what follows from another column is not."""
        baseline = [column for column in self.reading.roles.known if column.role == BASELINE]
        return {
            record.subject: {
                column.name
                for column in baseline
                if column.column not in record.cells
                or record.cells[column.column].state in ("missing", "odd")
            }
            for record in self.reading.records
        }

    @property
    def events(self) -> int:
        """Subjects whose event was seen."""
        return sum(bool(row["event"]) for row in self.rows)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of all features: one for a number, one less than its categories for a category."""
        return sum(_freedom(column) for column in self.features.features())

    @cached_property
    def follow_up(self) -> float | None:
        """Median follow-up, days; None where it is not reached."""
        time = np.array([row["time"] for row in self.rows])
        event = np.array([row["event"] for row in self.rows], dtype=np.bool_)
        return follow_up(time, event).median()[0]


def _freedom(column: Column) -> int:
    return 1 if column.kind == NUMBER else max(1, len(column.categories) - 1)
