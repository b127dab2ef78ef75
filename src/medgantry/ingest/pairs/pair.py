"""What a layout reader proposes: pairs by name, before anything was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medgantry.cohort import PAIR

MASKS = ("fixed_mask", "moving_mask")
KEYPOINTS = ("fixed_keypoints", "moving_keypoints")
ROLES = (*PAIR, *MASKS, *KEYPOINTS)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One pair as the layout lists it."""

    case_id: str
    group_id: str
    files: Mapping[str, str]
    """Role -> file; masks and keypoints may be absent."""


@dataclass(frozen=True, kw_only=True)
class PairLayout:
    """All pairs of a source."""

    pairs: Sequence[Pair]
    modality: str
    """Name of the only channel of every image: `CT`."""
    licence: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Provenance: what the source says of itself."""

    @property
    def has_masks(self) -> bool:
        """Whether any pair has masks; then every pair needs them."""
        return any(set(MASKS) & set(pair.files) for pair in self.pairs)
