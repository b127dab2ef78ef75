"""When a patient's tissue was taken, and its expression is known from."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable

SURGERY = "surgery"


def open_times(folder: Path | None) -> Mapping[str, datetime] | None:
    """Time of each patient's surgery, from the table of outcomes that are counted from it; None without one.

    Raises:
        Mismatch: If the outcomes are counted from another event: that is not when the tissue was taken.
        InvalidInput: If a patient has several times.
    """
    if folder is None:
        return None
    outcomes = FeatureTable.open(folder)
    origin = outcomes.provenance.get("origin", "an unnamed event")
    if origin != SURGERY:
        raise Mismatch(
            f"Expression is known from surgery on, the outcomes are counted from {origin}.",
            "Count them from surgery, or give none: a value without a time joins any other.",
        )
    if len(outcomes.subjects) != len(outcomes.rows):
        raise InvalidInput(
            "The outcomes must have one row per patient.", "Give what ingest_clinical made of outcomes."
        )
    return {row[SUBJECT]: row[TIMESTAMP] for row in outcomes.rows}
