"""A small clinical table with its role file."""

import csv
import io
from collections.abc import Mapping, Sequence

from medgantry.features.clinical.reading import read_records
from medgantry.features.clinical.role_file import parse_roles
from medgantry.features.clinical.summary import Summary
from medgantry.features.clinical.table_file import read_table
from medgantry.features.clinical.tables import feature_table, outcome_table
from medgantry.features.subjects import Subjects, subjects_for

ROLES = """
schema: medgantry/column-roles/1
title: A test
missing: [Not Collected, N/A, Unknown]
date_formats: ["%m/%d/%Y"]
milestones:
  imaging: {date: CT}
  surgery: {date: CT, days: Wait}
origin: surgery
ends: {event: Death, censored: Last}
facets: {Sex: [], Age: [60, 70]}
columns:
  ID: {role: id}
  Site: {role: site}
  Age:
    role: baseline
    kind: number
    unit: a
    range: [18, 120]
    readings: {'>\\s*(\\d+)': "the limit was taken"}
  Weight (lbs): {name: Weight, role: baseline, kind: number, unit: kg, written_in: "[lb_av]", factor: 0.45359237}
  Sex: {role: baseline, categories: [Female, Male], values: {F: Female, M: Male}}
  Smoker: {role: baseline, categories: [No, Former, Current]}
  Packs: {role: baseline, kind: number, given: [{when: {Smoker: No}, value: 0}]}
  Quit: {role: baseline, kind: year, milestone: surgery, given: [{when: {Smoker: No}}]}
  "Stage ": {role: baseline, milestone: surgery, categories: [T1, T2]}
  Chemo: {role: post-baseline, kind: flag}
  Recurrence: {role: post-baseline, kind: date}
  Status: {role: event, kind: flag, values: {Dead: 1, Alive: 0}}
  Death: {role: outcome, kind: date, given: [{when: {Status: Alive}}]}
  Last: {role: outcome, kind: date}
  Days: {role: outcome, kind: number, must_equal_time: true}
  CT: {role: post-baseline, kind: date}
  Wait: {role: baseline, kind: number, unit: d, milestone: surgery, range: [0, 999]}
"""
ROW = {
    "ID": "a", "Site": "north", "Age": "65", "Weight (lbs)": "200", "Sex": "Male", "Smoker": "Former", "Packs": "20",
    "Quit": "1990", "Stage ": "T1", "Chemo": "no", "Recurrence": "N/A", "Status": "Dead", "Death": "1/31/2001",
    "Last": "1/20/2001", "Days": "20", "CT": "1/1/2001", "Wait": "10",
}  # fmt: skip


def csv_text(rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> str:
    """Rows as the text of a CSV."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def summarised(
    rows: Sequence[Mapping[str, str]], roles: str = ROLES, subjects: Subjects | None = None
) -> Summary:
    """Rows read with a role file."""
    meaning, named = parse_roles(roles.encode()), subjects or subjects_for("none")
    found = read_table(csv_text(rows).encode(), [column.column for column in meaning.columns])
    reading = read_records(found, meaning, named)
    return Summary(
        reading=reading,
        features=feature_table(reading, named, {}),
        outcomes=outcome_table(reading, named, {}),
    )
