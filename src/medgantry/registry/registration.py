"""What became of a candidate, as the next step reads it."""

from dataclasses import asdict, dataclass
from pathlib import Path

from medgantry.documents import read_document, write_document

SCHEMA_NAME = "medgantry/registration/1"
_FILE = "registration.json"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A registered version, and who is champion."""

    name: str
    version: int
    promoted: bool
    reason: str
    champion: int
    """Version that has the alias now; 0 for nobody."""

    def save(self, folder: Path) -> None:
        """Write `registration.json`."""
        write_document(folder / _FILE, SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "Registration":
        """Read a registration.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        return cls(**read_document(folder / _FILE, SCHEMA_NAME))
