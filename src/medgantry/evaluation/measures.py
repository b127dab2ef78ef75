"""What a task makes of per-case rows: the part of judging that needs no network."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from medgantry.statistics.interval import Interval

Rows = Sequence[Mapping[str, Any]]


class Measures(Protocol):
    """The statistics of a task."""

    @property
    def primary(self) -> tuple[str, str]:
        """The metric that decides, higher being better, and of what."""

    def summarise(self, rows: Rows) -> dict[str, Any]:
        """All metrics, JSON-ready, without NaN."""

    def overall(self, rows: Rows) -> Interval | None:
        """The primary metric; None where these cases do not define it."""

    def difference(self, candidate: Rows, champion: Rows) -> Interval | None:
        """Candidate minus champion in the primary metric, on the cases that both have rows of."""

    def case_score(self, rows: Rows) -> float:
        """How good the answer for one case is, from its rows; to order cases from worst to best."""
