"""The present champion of a registered model, as `open_champion` brings it to `evaluate`."""

from dataclasses import dataclass
from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.documents import read_document, write_document

SCHEMA_NAME = "medgantry/champion/1"
_FILE = "champion.json"
_BUNDLE = "bundle"


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
        document = read_document(folder / _FILE, SCHEMA_NAME)
        if not document["version"]:
            return None
        return cls(**document, bundle=Bundle(folder / _BUNDLE))


def bundle_folder(folder: Path) -> Path:
    """Where the champion's bundle lies in its folder."""
    return folder / _BUNDLE


def write_champion(folder: Path, *, name: str, version: int) -> None:
    """Write who is champion; version 0 for nobody. The bundle, if there is one, lies there already."""
    write_document(folder / _FILE, SCHEMA_NAME, {"name": name, "version": version})
