"""When outcomes are predicted from, and what was known by then: from the published rows alone, to hold Feast against."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.column import EVENT, TIME
from medgantry.features.store.historical import Values
from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable, Row


def prediction_times(outcomes: FeatureTable) -> dict[str, datetime]:
    """When each subject's outcome is predicted from, for subjects whose outcome is known.

    Raises:
        InvalidInput: If the table is none of outcomes, or has several rows of a subject.
    """
    needed = [outcomes.only(TIME).name, outcomes.only(EVENT).name]
    if len(outcomes.subjects) != len(outcomes.rows):
        raise InvalidInput(
            f"Outcomes must have one row per subject, found {len(outcomes.rows)} of {len(outcomes.subjects)} subjects."
        )
    return {
        str(row[SUBJECT]): row[TIMESTAMP]
        for row in outcomes.rows
        if all(row.get(name) is not None for name in needed)
    }


def known_at(table: FeatureTable, times: Mapping[str, datetime]) -> dict[str, Row]:
    """The last row of each subject that is not after its time; subjects without one are left out."""
    last: dict[str, Row] = {}
    for row in table.rows:
        subject = str(row[SUBJECT])
        if subject not in times or row[TIMESTAMP] > times[subject]:
            continue
        if subject not in last or row[TIMESTAMP] > last[subject][TIMESTAMP]:
            last[subject] = row
    return last


def check_answer(
    view: str,
    names: Sequence[str],
    answer: Mapping[str, Values],
    known: Mapping[str, Row],
    times: Mapping[str, datetime],
) -> int:
    """Refuse an answer that holds anything but the last row before each subject's time.

    Returns:
        The number of values that were compared.

    Raises:
        Mismatch: With the first values that differ, and the time of the row that should have joined.
    """
    nothing: Values = dict.fromkeys(names)
    odd = [
        f"{subject} {name}: {answer.get(subject, nothing)[name]!r} instead of "
        f"{known.get(subject, nothing).get(name)!r} ({_when(known.get(subject))}; asked at {when.isoformat()})"
        for subject, when in times.items()
        for name in names
        if answer.get(subject, nothing)[name] != known.get(subject, nothing).get(name)
    ]
    if odd:
        raise Mismatch(
            f"Feast joined other values of the view {view!r} than were known at the prediction time: "
            f"{'; '.join(odd[:5])}; {len(odd)} in all.",
            "Nothing was joined. Publish the table again; if that does not help, this Feast cannot be trusted with it.",
        )
    return len(times) * len(names)


def _when(row: Row | None) -> str:
    return f"of {row[TIMESTAMP].isoformat()}" if row else "no row before"
