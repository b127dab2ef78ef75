"""The Basic Application Confidentiality Profile and the options that are implemented, as data (PS3.15 Annex E).

`confidentiality_profile.csv` is Table E.1-1: the tag, what the Basic Profile does, and what options do instead.
X remove, Z make empty, D replace by a dummy, U replace the UID, K keep, C clean. Where the table allows several, the
first that leaves a valid object is taken: Z before D, X alone only where it stands alone or beside D.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from medgantry.errors import InvalidInput

Tag = int

OPTIONS = {
    "modified-dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient-characteristics": ("113108", "Retain Patient Characteristics Option"),
    "device-identity": ("113109", "Retain Device Identity Option"),
    "safe-private": ("113111", "Retain Safe Private Option"),
    "clean-pixel-data": ("113101", "Clean Pixel Data Option"),
}
"""Name of an option -> its method code and meaning in CID 7050.

`clean-pixel-data` cleans by leaving out: a series that may have text burned into its pixels is rejected, and the code
is written only where an object declares itself free of it.
"""
BASIC = ("113100", "Basic Application Confidentiality Profile")
DEFAULT_OPTIONS = "modified-dates,clean-pixel-data"

_FIRST = {"X/D": "X", "X/Z": "Z", "X/Z/D": "Z", "Z/D": "Z", "X/Z/U*": "U"}


@dataclass(frozen=True)
class Profile:
    """What is done to which attribute.

    Raises:
        InvalidInput: If an option is unknown.
    """

    options: frozenset[str]

    def __post_init__(self) -> None:
        unknown = self.options - set(OPTIONS)
        if unknown:
            raise InvalidInput(
                f"De-identification options are {sorted(OPTIONS)}, found {sorted(unknown)}.",
                "Name those wanted, separated by commas, or `basic` for none.",
            )

    @cached_property
    def actions(self) -> dict[Tag, str]:
        """Tag -> X, Z, D, U, K (keep) or S (shift the date)."""
        found: dict[Tag, str] = {}
        text = files(__package__).joinpath("confidentiality_profile.csv").read_text()
        for row in csv.DictReader(text.splitlines()):
            action = _FIRST.get(row["basic"], row["basic"])
            # C for dates is the shift; C elsewhere is cleaning of free text, which nothing here can do: it goes.
            if "modified-dates" in self.options and row["modified_dates"] == "C":
                action = "S"
            for option, column in (
                ("patient-characteristics", "patient_characteristics"),
                ("device-identity", "device_identity"),
            ):
                if option in self.options and row[column] == "K":
                    action = "K"
            found[int(row["tag"], 16)] = action
        return found

    def method_codes(self, options: Collection[str]) -> list[tuple[str, str]]:
        """Code and meaning of the profile and of those options that were applied."""
        return [BASIC, *(OPTIONS[name] for name in sorted(self.options & set(options)))]


def parse_options(text: str) -> Profile:
    """A profile from names separated by commas; `basic` alone names no option.

    Raises:
        InvalidInput: If one is unknown.
    """
    names = {name.strip() for name in text.split(",")} - {"", "basic"}
    return Profile(frozenset(names))
