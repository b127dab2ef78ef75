"""A stack that the rule chose, and how the stacks of a series are put to the rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from medgantry.dicom.header import Header
from medgantry.dicom.stacks import Stack
from medgantry.ingest.dicom.labels import MaskObject
from medgantry.ingest.dicom.selection import StackFacts


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A stack that the rule chose."""

    item: str
    """Its case id."""
    headers: Sequence[Header]
    stack: Stack
    facts: StackFacts
    masks: Sequence[MaskObject]
    """Mask objects that refer to its series."""
    warning: str = ""
    """What the ledger says of it even when it is sound."""

    @property
    def rank(self) -> tuple[float, int, str]:
        """Order of preference where only one is taken."""
        return (*self.facts.rank, self.item)
