"""What an ingest of DICOM is asked to do; it travels in the plan, so that every task does the same."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from medgantry.dicom.deidentification.profile import DEFAULT_OPTIONS, Profile, parse_options
from medgantry.dicom.repairs import REPAIRS
from medgantry.errors import InvalidInput
from medgantry.ingest.dicom.names import NONE
from medgantry.ingest.dicom.selection import Select

MAX_LABELS = 15
"""A label's code is a bit, and codes are 16-bit numbers."""


@dataclass(frozen=True, kw_only=True)
class DicomConfig:
    """The parameters of `plan_ingest`.

    Raises:
        InvalidInput: If one is impossible.
    """

    select: Select = field(default_factory=Select)
    labels: Mapping[str, str] = field(default_factory=dict)
    """Label -> regular expression for names and codes of segments and regions of interest; empty reads no masks."""
    deidentify: str = DEFAULT_OPTIONS
    """Options of the profile, `basic` for none of them, or `none` for a source that is de-identified already."""
    repairs: tuple[str, ...] = ()
    """Which repairs are allowed; see `medgantry.dicom.repairs`."""
    keep_dicom: bool = False
    """Whether the series' DICOM files are kept with their pixels; without them their headers are."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.repairs) - set(REPAIRS))
        if unknown:
            raise InvalidInput(f"repairs are {', '.join(REPAIRS)}, found {unknown}.")
        if len(self.labels) > MAX_LABELS:
            raise InvalidInput(f"At most {MAX_LABELS} labels can be told apart, found {len(self.labels)}.")
        for name, pattern in self.labels.items():
            if "+" in name or name == "background":
                raise InvalidInput(f"A label must not be called {name!r}: overlaps are named with +.")
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise InvalidInput(f"labels: {name} has no regular expression: {error}.") from error
        self.profile  # noqa: B018 raises for an unknown option

    @property
    def profile(self) -> Profile | None:
        """How to de-identify; None when the source is declared to be."""
        return None if self.deidentify == NONE else parse_options(self.deidentify)

    @property
    def codes(self) -> dict[str, int]:
        """Label -> the bit that stands for it."""
        return {name: 1 << index for index, name in enumerate(self.labels)}

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        select = {name: _ends(value) for name, value in asdict(self.select).items()}
        return {**asdict(self), "select": select, "repairs": list(self.repairs)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "DicomConfig":
        """What `document` gave."""
        values = {**document, "select": Select.of(document["select"]), "repairs": tuple(document["repairs"])}
        return cls(**values)


def _ends(value: Any) -> Any:
    """JSON knows no infinity; null stands for an open end."""
    return [None if end == float("inf") else end for end in value] if isinstance(value, tuple) else value
