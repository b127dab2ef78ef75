"""What a layout reader proposes: cases by name, before anything was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One case as the layout lists it."""

    case_id: str
    group_id: str
    images: Mapping[str, str]
    """Channel name -> file; a 4-D file stands under every channel it holds, in `channel_order`."""
    label: str
    """The label file; empty when there is none."""
    stacked: bool = False
    """Whether one 4-D file holds all channels along its last axis, in the order of `images`."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All candidates of a source, and what their names and codes mean."""

    candidates: Sequence[Candidate]
    channels: Sequence[str]
    label_map: Mapping[str, int]
    licence: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Provenance: what the source says of itself."""
