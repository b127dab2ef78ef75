"""The verdict of a server about one file that was sent to it."""

from dataclasses import dataclass
from pathlib import Path

DUPLICATE = 0x0111
"""Status of an object whose UID the server has already (PS3.7, Annex C): it keeps the object."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One file, and whether the server keeps it."""

    path: Path
    accepted: bool
    reason: str = ""
    """Why it is refused, or what the server changed or warned of."""
