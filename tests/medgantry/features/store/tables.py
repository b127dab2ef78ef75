"""Small tables to publish and join."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from medgantry.features.column import Column
from medgantry.features.table import FeatureTable
from medgantry.ledger import Entry

PROJECT = "test"
AGE = Column(
    name="age", role="baseline", kind="number", unit="a", source="Age at diagnosis", modality="clinical"
)
SEX = Column(name="sex", role="baseline", kind="category", categories=("female", "male"), modality="clinical")
HOSPITAL = Column(name="hospital", role="site", kind="category", categories=("A", "B"), modality="clinical")
STAGE = Column(
    name="stage",
    role="baseline",
    kind="category",
    categories=("I", "II"),
    modality="clinical",
    milestone="surgery",
)
VOLUME = Column(name="volume", role="baseline", kind="number", unit="mm3", modality="radiomics")
TEXTURE = Column(name="texture", role="baseline", kind="number", modality="radiomics")
TIME = Column(name="days", role="time", kind="number", unit="d")
EVENT = Column(name="dead", role="event", kind="number")
START = datetime(2001, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    """A day counted from the first."""
    return START + timedelta(days=number)


def rows(subjects: Mapping[str, Mapping[float, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of values by subject and day."""
    return [
        {"subject_id": subject, "event_timestamp": day(when), **values}
        for subject, course in subjects.items()
        for when, values in course.items()
    ]


def table(
    columns: Sequence[Column],
    subjects: Mapping[str, Mapping[float, Mapping[str, Any]]],
    entries: Sequence[Entry] = (),
    **provenance: Any,
) -> FeatureTable:
    """A table with a ledger that says `ok` of all that no entry is about."""
    named = {entry.item for entry in entries}
    sound = [
        Entry(item=name, step="made", verdict="ok", rule="made") for name in subjects if name not in named
    ]
    return FeatureTable(
        columns=columns, rows=rows(subjects), entries=[*sound, *entries], provenance=provenance
    )


def radiomics(volumes: Mapping[str, float], entries: Sequence[Entry] = (), at: float = 0) -> FeatureTable:
    """A value of each subject on a day."""
    subjects = {name: {at: {"volume": value, "texture": value / 2}} for name, value in volumes.items()}
    return table([VOLUME, TEXTURE], subjects, entries, settings={"binWidth": 25}, cohort="abc")


def outcomes(times: Mapping[str, float], entries: Sequence[Entry] = (), **changed: Any) -> FeatureTable:
    """Outcomes predicted from a day of each subject."""
    subjects = {name: {when: {"days": 100.0, "dead": 1.0, **changed}} for name, when in times.items()}
    return table([TIME, EVENT], subjects, entries)


def rejected(item: str, evidence: str = "no mask", step: str = "extract_radiomics") -> Entry:
    """A verdict on who has no row."""
    return Entry(item=item, step=step, verdict="rejected", rule="has a mask", evidence=evidence)
