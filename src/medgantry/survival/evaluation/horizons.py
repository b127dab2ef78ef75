"""The days that predictions are judged on."""

import numpy as np

from medgantry.errors import InvalidInput
from medgantry.survival.predictions import Predictions

USUAL = (731.0, 1826.0)
"""Two and five years."""
LEAST = 10
"""Subjects who must still be under observation on a day, and who must have had the event by then."""


def last_day(predictions: Predictions) -> float:
    """The last day on which enough subjects are under observation, within the grid: nothing is judged beyond.

    Raises:
        InvalidInput: If there are too few subjects, or too few events up to it.
    """
    time = np.sort(predictions.time)
    day = float(min(time[-LEAST], predictions.grid[-1])) if len(time) >= LEAST else 0.0
    if not _allows(predictions, day) or day <= predictions.grid[0]:
        raise InvalidInput(
            f"At least {LEAST} subjects with the event and {LEAST} under observation after it are needed to judge; of "
            f"{len(time)} subjects {int(predictions.event.sum())} have it.",
            "Follow more subjects, or for longer.",
        )
    return day


def chosen_horizons(text: str, predictions: Predictions) -> list[float]:
    """Days that were asked for, or the usual ones that follow-up allows.

    Args:
        text: Days, comma separated; empty for the usual ones.
        predictions: On whose subjects.

    Raises:
        InvalidInput: If what was asked for are no days, or follow-up does not allow one.
    """
    if not text.strip():
        return [day for day in USUAL if _allows(predictions, day)] or [last_day(predictions)]
    try:
        days = sorted({float(part) for part in text.split(",")})
    except ValueError as error:
        raise InvalidInput(f"horizons must be days such as 731,1826, found {text!r}.") from error
    refused = [f"{day:g}" for day in days if not _allows(predictions, day)]
    if refused:
        raise InvalidInput(
            f"Day {', '.join(refused)} cannot be judged: it needs {LEAST} subjects with the event by then, {LEAST} "
            f"under observation then, and to be within the predicted days (up to {predictions.grid[-1]:g}).",
            f"Ask for days up to {last_day(predictions):g}.",
        )
    return days


def _allows(predictions: Predictions, day: float) -> bool:
    cases = int((predictions.event & (predictions.time <= day)).sum())
    return min(cases, int((predictions.time >= day).sum())) >= LEAST and day <= predictions.grid[-1]
