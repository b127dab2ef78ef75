"""What a column of a feature table means, and what it may be used for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from medgantry.errors import InvalidInput

Role = Literal["id", "baseline", "post-baseline", "outcome", "time", "event", "site"]
Kind = Literal["number", "category"]

BASELINE: Role = "baseline"
TIME: Role = "time"
EVENT: Role = "event"
SITE: Role = "site"
NUMBER: Kind = "number"
CATEGORY: Kind = "category"

_WHY = {
    "id": "it names the subject",
    "post-baseline": "it is known only after the time that is predicted from",
    "outcome": "it is, or follows from, what is predicted",
    "time": "it is what is predicted",
    "event": "it is what is predicted",
    "site": "it says where a subject was seen, a shortcut that does not travel",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a feature table.

    Raises:
        InvalidInput: If role or kind are not known.
    """

    name: str
    role: Role
    kind: Kind
    unit: str = ""
    """Of a number, as UCUM writes it (`mm`, `a`, `d`); empty where it has none."""
    source: str = ""
    """Where it comes from: the column of a CSV, the feature of a library."""
    modality: str = ""
    """`clinical`, `radiomics`, `expression`: which models per modality are made of."""
    milestone: str = ""
    """After which event of a subject's course the value is known, such as `surgery`; empty: from the start."""
    categories: Sequence[str] = ()
    """All values that a category may take, known or not; empty for numbers."""
    description: str = ""

    def __post_init__(self) -> None:
        for what, value, allowed in (("role", self.role, Role), ("kind", self.kind, Kind)):
            if value not in get_args(allowed):
                raise InvalidInput(
                    f"The {what} of column {self.name!r} must be one of {', '.join(get_args(allowed))}, "
                    f"found {value!r}."
                )

    def check_feature(self) -> None:
        """Refuse a column that a model must not see.

        Raises:
            InvalidInput: With the column's name and role.
        """
        if self.role != BASELINE:
            raise InvalidInput(
                f"Column {self.name!r} has role {self.role!r} and cannot be a feature: {_WHY[self.role]}.",
                "Leave it out, or correct its role where the table is read.",
            )


def safe_name(column: str) -> str:
    """A column's name of letters, digits and underscores that begins with a letter, as stores want it."""
    name = re.sub(r"[^0-9A-Za-z]+", "_", column).strip("_")
    return name if name[:1].isalpha() else f"c_{name}"
