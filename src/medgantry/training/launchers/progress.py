"""What workers say while they train, wherever they run."""

import json
from collections.abc import Callable

from medgantry.errors import MedgantryError
from medgantry.steps import StepRecord

PROGRESS_KEY = "medgantry_progress"
"""The only key of a worker's progress line."""
_BEGINS = f'{{"{PROGRESS_KEY}"'


class TrainingFailed(MedgantryError):
    """A worker ended with an error."""


def relay(record: StepRecord, say: Callable[[str], None]) -> Callable[[str], None]:
    """A receiver of lines: progress goes to the step's record, the rest is said.

    Args:
        record: The step's record.
        say: Gets every other line.
    """

    def tell(line: str) -> None:
        text = line.removeprefix("[rank 0] ")
        if text.startswith(_BEGINS):
            record.advance(*json.loads(text)[PROGRESS_KEY])
        else:
            say(line)

    return tell
