"""How a task asks a bundle about a case, and shows what came."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from medgantry.evaluation.measures import Measures, Rows


class Judge(Protocol):
    """A bundle, ready to be judged on cases of a cohort."""

    @property
    def measures(self) -> Measures:
        """The task's statistics."""

    def judge(self, case_id: str, scratch: Path, answers: Path | None) -> list[dict[str, Any]]:
        """Predict a case and measure the answer.

        Args:
            case_id: With a reference.
            scratch: Space for files.
            answers: Where the prediction is kept; None for the champion's, which is not.
        """

    def extras(self) -> Mapping[str, Any]:
        """Metrics that need more than rows, after the last case."""

    def draw(self, case_id: str, rows: Rows, answers: Path, scratch: Path, path: Path) -> str:
        """Draw a judged case as PNG, with the answer that `judge` kept; returns what it shows, in words."""
