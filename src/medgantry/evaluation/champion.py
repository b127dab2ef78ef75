"""The present champion of a registered model, as `open_champion` brings it to `evaluate`."""

from dataclasses import dataclass
from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.documents import read_document, write_document

SCHEMA_NAME = "medgantry/champion/1"
_FILE = "champion.json"
_MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class Champion:
    """A version that has the alias `champion`."""

    name: str
    version: int
    bundle: Bundle

    @classmethod
    def open(cls, folder: Path) -> "Champion | None":
        """Read a champion's folder; None where the registry has none.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        found = read_champion(folder)
        return cls(name=found[0], version=found[1], bundle=Bundle(model_folder(folder))) if found else None


def read_champion(folder: Path) -> tuple[str, int] | None:
    """Name and version of a champion of any kind; None where the registry has none.

    Raises:
        InvalidInput: If it is none of this schema.
    """
    document = read_document(folder / _FILE, SCHEMA_NAME)
    return (document["name"], document["version"]) if document["version"] else None


def model_folder(folder: Path) -> Path:
    """Where the champion's model lies in its folder: a bundle, or a model of survival."""
    return folder / _MODEL


def write_champion(folder: Path, *, name: str, version: int) -> None:
    """Write who is champion; version 0 for nobody. The model, if there is one, lies there already."""
    write_document(folder / _FILE, SCHEMA_NAME, {"name": name, "version": version})
