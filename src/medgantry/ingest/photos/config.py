"""What a table of photos says, and what is wanted of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from medgantry.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class PhotoColumns:
    """Which column of the table holds what; the defaults are HAM10000's."""

    image: str = "image_id"
    """The case's id, and the name of its file without suffix."""
    group: str = "lesion_id"
    """What must stay together in a split; empty where every image is its own."""
    target: str = "dx"
    """The class; empty where there is none."""
    file: str = ""
    """The file, relative to the table; empty finds it by the image's id."""
    extra: Sequence[str] | None = None
    """Further columns to keep as targets; None keeps those of `HAM10000_EXTRA` that are there."""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "PhotoColumns":
        """From the component's JSON object.

        Raises:
            InvalidInput: If a key is unknown or a value is no name.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(given) - known):
            raise InvalidInput(f"columns names {unknown}; {sorted(known)} are known.")
        names = {key: value for key, value in given.items() if key != "extra"}
        extra = given.get("extra")
        is_list = isinstance(extra, list) and all(isinstance(name, str) for name in extra)
        if any(not isinstance(name, str) for name in names.values()) or not (extra is None or is_list):
            raise InvalidInput(
                "columns must give a column's name for each key, and a list of names for `extra`; "
                f"got {dict(given)}."
            )
        columns = cls(**given)
        if not columns.image:
            raise InvalidInput("columns must name the column with the images' ids, got an empty `image`.")
        return columns

    def needed(self) -> list[str]:
        """Columns that the table must have."""
        named = (self.image, self.group, self.target, self.file, *(self.extra or ()))
        return [name for name in named if name]

    def kept(self, header: Sequence[str]) -> list[str]:
        """The further columns that become targets."""
        return [name for name in HAM10000_EXTRA if name in header] if self.extra is None else list(self.extra)


HAM10000_EXTRA = ("dx_type", "age", "sex", "localization", "dataset")
"""For subgroups, never features: `dx_type` and `dataset` tell how a class was found, not how it looks."""


@dataclass(frozen=True, kw_only=True)
class PhotoConfig:
    """What the source is."""

    metadata: str = ""
    """The table's name in the source; empty takes the only table that has the columns."""
    images: str = ""
    """A folder, zip or pattern of names inside the source; empty takes every image."""
    columns: PhotoColumns = field(default_factory=PhotoColumns)
    classes: Sequence[str] = ()
    """The classes that are known; empty takes any."""
    licence: str = ""
    max_rejected: float = 0.2
    """Allowed share of rejected items: images and rows."""
    external: bool = False
    """Whether the cohort shares no patient with any training data."""
