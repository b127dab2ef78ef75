"""An estimate with its confidence interval."""

from dataclasses import asdict, dataclass
from typing import Any

LEVEL = 0.95
"""Nominal two-sided coverage of every interval."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with the limits of its interval at `LEVEL`; all numbers are finite."""

    estimate: float
    low: float
    high: float
    n: int
    """Values that the estimate is made of."""
    groups: int
    """Independent units (patients, lesions) among them."""
    method: str
    """How the limits were found, in words."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)
